"""Answers of the API: JSON and CSV with an ETag, and problems (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

PROBLEM_TYPE: Final = "application/problem+json"
CSV_TYPE: Final = "text/csv; charset=utf-8; header=present"
IMMUTABLE: Final = "max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"
KEEP_NOTHING: Final = "no-store"


class ProblemDetails(Struct, frozen=True, kw_only=True):
    """Why a request has no other answer."""

    type: str = "about:blank"
    """about:blank: the title says all that the kind of the problem is."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    detail: str
    """What was wrong with this request, and what to do."""


class Problem(Exception):
    """Ends a request with a problem as its answer."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers


def later(detail: str) -> Problem:
    """The problem of a request that may succeed in a moment."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "2"})


def problem_response(problem: Problem) -> Response:
    """The answer that says what the problem is."""
    body = ProblemDetails(title=problem.status.phrase, status=problem.status, detail=problem.detail)
    headers = {"Cache-Control": KEEP_NOTHING, **(problem.headers or {})}
    return Response(msgspec.json.encode(body), problem.status, headers, PROBLEM_TYPE)


def json_response(content: object, cache_control: str) -> Response:
    """A struct, or what msgspec can encode, as JSON."""
    return Response(msgspec.json.encode(content), 200, {"Cache-Control": cache_control}, "application/json")


def tagged_response(
    request: Request, content: bytes, media_type: str, *, tag: str, cache_control: str
) -> Response:
    """The content with its ETag; 304 without it if the client has it already.

    Tags are weak: whether the bytes are compressed does not matter.
    """
    headers = {"ETag": f'W/"{tag}"', "Cache-Control": cache_control, "Vary": "Accept"}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(content, 200, headers, media_type)


def _has(if_none_match: str, tag: str) -> bool:
    tags = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    return f'"{tag}"' in tags or tags == ["*"]


def prefers_csv(request: Request) -> bool:
    """Whether the Accept header asks for CSV first: by its quality, or if equal by its place."""
    accept = request.headers.get("accept", "")
    best = max(map(_preference, accept.split(",")), key=lambda each: each[1], default=("", 0.0))
    return best[0] == "text/csv" and best[1] > 0


def _preference(part: str) -> tuple[str, float]:
    media_type, *parameters = part.split(";")
    quality = next((each.strip()[2:] for each in parameters if each.strip().startswith("q=")), "1")
    try:
        return media_type.strip().lower(), float(quality)
    except ValueError:
        return media_type.strip().lower(), 0.0
