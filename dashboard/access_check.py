"""Asks for the access token, where one is set: as a bearer token, or as the cookie of the login page."""

import hmac
import math
import time
from hashlib import sha256
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from contract.access_token import AccessToken
from dashboard.answers import Problem, problem_response
from dashboard.login_pace import LoginPace
from dashboard.pages import Pages

LOGIN: Final = "/login"
OPEN_TO_ALL: Final = ("/static/", "/api/health", "/api/openapi.json", LOGIN)
"""Paths without customers or figures."""
COOKIE: Final = "ltv_access"
COOKIE_S: Final = 30 * 24 * 60 * 60
MOST_FORM_BYTES: Final = 4_096


class Gate:
    """Knows the token, and the cookie that stands for it: it stays valid over restarts, until the token changes."""

    def __init__(self, token: AccessToken) -> None:
        self._token = token
        self._cookie = hmac.new(token.header.encode(), b"ltv dashboard", sha256).hexdigest()

    def is_open(self, request: HTTPConnection) -> bool:
        """Whether the request has the token or the cookie."""
        cookie = request.cookies.get(COOKIE, "").encode(errors="replace")
        return self._token.is_in(request.headers.get("authorization")) or hmac.compare_digest(
            cookie, self._cookie.encode()
        )

    def is_token(self, text: str) -> bool:
        """Whether the text is the token."""
        return self._token.equals(text)

    def give_cookie(self, response: Response, *, over_tls: bool) -> None:
        """Let the browser keep the cookie: no script sees it, and no other site's page makes the browser send it."""
        response.set_cookie(
            COOKIE, self._cookie, max_age=COOKIE_S, httponly=True, samesite="strict", secure=over_tls
        )


class AccessCheck:
    """Answers requests without the token with 401: the login page to browsers that want a page, else a problem."""

    def __init__(self, app: ASGIApp, gate: Gate, pages: Pages) -> None:
        self._app, self._gate, self._pages = app, gate, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or hand it on."""
        if scope["type"] != "http" or scope["path"].startswith(OPEN_TO_ALL):
            return await self._app(scope, receive, send)
        request = HTTPConnection(scope)
        if self._gate.is_open(request):
            return await self._app(scope, receive, send)
        if scope["path"].startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
            problem = Problem(
                HTTPStatus.UNAUTHORIZED,
                "send the access token in the header Authorization, as Bearer TOKEN",
                {"WWW-Authenticate": "Bearer"},
            )
            return await problem_response(problem)(scope, receive, send)
        return await self._pages.login(_own_path(_path_of(scope)), status=401)(scope, receive, send)


def login_route(gate: Gate, pages: Pages) -> Route:
    """The route that takes the login form; it slows down an address that sends wrong tokens."""
    pace = LoginPace(time.monotonic)

    async def login(request: Request) -> Response:
        fields = await _form(request)
        after = _own_path(fields.get("next", "/"))
        address = request.client.host if request.client else ""
        if wait_s := math.ceil(pace.wait_s(address)):
            said = f"Too many wrong tokens: try again in {wait_s} s."
            answer = pages.login(after, status=HTTPStatus.TOO_MANY_REQUESTS, said=said)
            answer.headers["Retry-After"] = str(wait_s)
            return answer
        if not gate.is_token(fields.get("token", "")):
            pace.failed(address)
            return pages.login(after, status=HTTPStatus.UNAUTHORIZED, said="This is not the access token.")
        pace.succeeded(address)
        response = RedirectResponse(after, 303, {"Cache-Control": "no-store"})
        gate.give_cookie(response, over_tls=request.headers.get("origin", "").startswith("https://"))
        return response

    return Route(LOGIN, login, methods=["POST"])


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > MOST_FORM_BYTES:
                raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the form is too long")
    except ClientDisconnect:
        raise Problem(HTTPStatus.BAD_REQUEST, "the form is cut off") from None
    return {name: values[0] for name, values in parse_qs(body.decode(errors="replace")).items()}


def _path_of(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    path = scope["raw_path"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _own_path(path: str) -> str:
    """The path, if it surely stays on this server; else that of the first page."""
    stays = (
        path.startswith("/") and not path.startswith(("//", "/\\")) and path.isascii() and path.isprintable()
    )
    return path if stays else "/"
