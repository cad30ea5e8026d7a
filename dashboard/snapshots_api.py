"""/api/snapshots: the newest, one by its sequence, as JSON or CSV; and a stretch of them in short."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contract.errors import LtvError
from dashboard.answers import (
    ASK_AGAIN,
    CSV_TYPE,
    IMMUTABLE,
    Problem,
    json_response,
    later,
    prefers_csv,
    tagged_response,
)
from dashboard.broadcast import Broadcast
from dashboard.frames import Frame
from dashboard.past_snapshots import PastSnapshots
from dashboard.path_parts import parse_sequence
from dashboard.series_reader import Bound
from subscriber.history import NoSuchSnapshot
from subscriber.snapshot_csv import csv_header, csv_rows

DEFAULT_LIMIT: Final = 100
MOST_SUMMARIES: Final = 1_000
_Value = TypeVar("_Value")


class SnapshotsApi:
    """The routes."""

    def __init__(self, broadcast: Broadcast, past: PastSnapshots) -> None:
        self._broadcast, self._past = broadcast, past

    def routes(self) -> list[Route]:
        """The routes of the snapshots."""
        return [
            Route("/api/snapshots", self._stretch),
            Route("/api/snapshots/latest", self._latest),
            Route("/api/snapshots/latest.csv", self._latest_csv),
            Route("/api/snapshots/{sequence:sequence}", self._numbered),
            Route("/api/snapshots/{sequence:sequence}.csv", self._numbered_csv),
        ]

    async def _latest(self, request: Request) -> Response:
        return _answer(request, self._newest(), ASK_AGAIN, as_csv=prefers_csv(request))

    async def _latest_csv(self, request: Request) -> Response:
        return _answer(request, self._newest(), ASK_AGAIN, as_csv=True)

    async def _numbered(self, request: Request) -> Response:
        return await self._one(request, as_csv=prefers_csv(request))

    async def _numbered_csv(self, request: Request) -> Response:
        return await self._one(request, as_csv=True)

    async def _one(self, request: Request, *, as_csv: bool) -> Response:
        """With its time the address names one snapshot for ever: a recreated topic has others with its sequences."""
        frame = await self._of_sequence(request)
        emitted_at = request.query_params.get("emitted_at")
        if not emitted_at:
            return _answer(request, frame, ASK_AGAIN, as_csv=as_csv)
        if emitted_at != frame.snapshot.emitted_at:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                f"snapshot {frame.snapshot.sequence} was emitted at {frame.snapshot.emitted_at}: ask for that one, or "
                "leave emitted_at out",
            )
        return _answer(request, frame, f"private, {IMMUTABLE}", as_csv=as_csv)

    def _newest(self) -> Frame:
        newest = self._broadcast.recent.newest
        if newest is None:
            raise later("there is no snapshot yet; a consumer (`ltv consume`) emits one every few seconds")
        return newest

    async def _of_sequence(self, request: Request) -> Frame:
        sequence: int = request.path_params["sequence"]
        try:
            return await self._past.of_sequence(sequence)
        except NoSuchSnapshot:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"snapshot {sequence} is not on the topic: not yet, or deleted"
            ) from None
        except LtvError:
            raise later("the topic of the snapshots can't be read now") from None

    async def _stretch(self, request: Request) -> Response:
        query = request.query_params
        since, until = (_checked(query.get(name), name, _bound) for name in ("since", "until"))
        limit = _checked(query.get("limit"), "limit", _limit) or DEFAULT_LIMIT
        try:
            found = await self._past.stretch(since, until, limit)
        except LtvError:
            raise later("the topic of the snapshots can't be read now") from None
        return json_response(found, ASK_AGAIN)


def _answer(request: Request, frame: Frame, cache_control: str, *, as_csv: bool) -> Response:
    if not as_csv:
        return tagged_response(
            request, frame.json, "application/json", tag=frame.tag, cache_control=cache_control
        )
    snapshot = frame.snapshot
    text = (csv_header() + csv_rows(snapshot)).encode()
    answer = tagged_response(request, text, CSV_TYPE, tag=f"{frame.tag}-csv", cache_control=cache_control)
    answer.headers["Content-Disposition"] = f'attachment; filename="snapshot-{snapshot.sequence}.csv"'
    return answer


def _checked(text: str | None, name: str, parse: Callable[[str], _Value]) -> _Value | None:
    """The value of a parameter; None if it is absent or empty."""
    if not text:
        return None
    try:
        return parse(text)
    except (ValueError, OverflowError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"{name}: {error}") from None


def _bound(text: str) -> Bound:
    with suppress(ValueError):
        return parse_sequence(text)
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("give a sequence, or a time such as 2026-01-31T12:00Z (in UTC)") from None


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) <= MOST_SUMMARIES and len(text) < 9):
        raise ValueError(f"give a whole number from 1 to {MOST_SUMMARIES:,}")
    return int(text)
