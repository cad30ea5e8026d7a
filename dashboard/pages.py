"""The page and its files, read once. A file's address changes with the content, so browsers keep the file for ever."""

from hashlib import blake2s
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from mimetypes import guess_type
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from dashboard.answers import ASK_AGAIN, IMMUTABLE, KEEP_NOTHING, tagged_response

STATIC_MARK: Final = "{{static}}"
"""Stands in the HTML files for the folder of the others: `<script type="module" src="{{static}}/app.js">`."""
INDEX: Final = "index.html"
LOGIN: Final = "login.html"
PAGES: Final = ("/", "/customers", "/customers/{customer_id:text}", "/snapshots/{sequence:sequence}")
"""All of them are index.html, which looks at its own path."""
TYPES: Final = {".js": "text/javascript", ".mjs": "text/javascript", ".md": "text/plain", "": "text/plain"}


class Pages:
    """The files of dashboard/page/, in memory."""

    def __init__(self, folder: Traversable | None = None) -> None:
        self._files = dict(_files(folder or files("dashboard") / "page"))
        digest = blake2s(digest_size=6)
        for name, content in sorted(self._files.items()):
            digest.update(name.encode() + b"\0" + content + b"\0")
        self._version = digest.hexdigest()
        self._index = self._html(INDEX).encode()

    def routes(self) -> list[Route]:
        """The pages, and the files that belong to them."""
        return [
            *(Route(path, self._page) for path in PAGES),
            Route(f"/static/{self._version}/{{name:path}}", self._file),
        ]

    def login(self, after: str, *, status: int, said: str = "") -> Response:
        """The login page, whose form goes on to the path `after`; it says why the last token did not open it."""
        html = self._html(LOGIN).replace("{{wrong}}", said)
        html = html.replace("{{after}}", escape(after))
        return HTMLResponse(html, status, {"Cache-Control": KEEP_NOTHING})

    def _html(self, name: str) -> str:
        return self._files[name].decode().replace(STATIC_MARK, f"/static/{self._version}")

    async def _page(self, request: Request) -> Response:
        return tagged_response(
            request, self._index, "text/html; charset=utf-8", tag=self._version, cache_control=ASK_AGAIN
        )

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            raise HTTPException(404)
        return Response(
            self._files[name], headers={"Cache-Control": f"public, {IMMUTABLE}"}, media_type=_media_type(name)
        )


def _files(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    """Every file's path in the folder, with its content."""
    found: list[tuple[str, bytes]] = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _files(each, f"{prefix}{each.name}/")
        else:
            found.append((f"{prefix}{each.name}", each.read_bytes()))
    return found


def _media_type(name: str) -> str:
    suffix = name[name.rfind(".") :] if "." in name else ""
    return TYPES.get(suffix) or guess_type(name)[0] or "application/octet-stream"
