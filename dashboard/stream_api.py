"""The route of /api/stream, and its connections."""

from http import HTTPStatus
from typing import Any, ClassVar, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from dashboard.answers import KEEP_NOTHING, Problem, later
from dashboard.broadcast import Broadcast
from dashboard.dashboard_metrics import DashboardMetrics
from dashboard.path_parts import parse_sequence
from dashboard.stream import SnapshotsAfter, Stream
from web.connections import BriefConnection

PATH: Final = "/api/stream"
HEADERS: Final = {"Cache-Control": KEEP_NOTHING, "X-Accel-Buffering": "no"}
"""The second one keeps nginx from collecting the events."""
MEDIA_TYPE: Final = "text/event-stream"


class StreamApi:
    """The route."""

    def __init__(
        self, broadcast: Broadcast, history: SnapshotsAfter, metrics: DashboardMetrics, most_subscribers: int
    ) -> None:
        self._broadcast, self._history, self._metrics = broadcast, history, metrics
        self._most = most_subscribers

    def routes(self) -> list[Route]:
        """The route of the stream."""
        return [Route(PATH, self._stream)]

    async def _stream(self, request: Request) -> Response:
        last = _last_sequence(request)
        if request.method == "HEAD":
            return Response(headers=HEADERS, media_type=MEDIA_TYPE)
        if self._metrics.open_streams >= self._most:
            self._metrics.refused.inc()
            raise later(f"{self._most:,} streams are open already; ask /api/snapshots/latest instead")
        stream = Stream(self._broadcast, self._history, self._metrics, last)
        return StreamingResponse(stream.events(), headers=HEADERS, media_type=MEDIA_TYPE)


def _last_sequence(request: Request) -> int | None:
    """The sequence that the client got last: from the header, or where a client can't set it, from the query."""
    text = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
    if not text:
        return None
    try:
        return parse_sequence(text)
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"Last-Event-ID: {error}") from None


class DashboardConnection(BriefConnection):
    """Brief for a page or an answer; without an end for a stream, as long as its client reads."""

    most_open: ClassVar[int] = 256
    answer_s: ClassVar[float] = 60.0
    stalled_s: ClassVar[float] = 30.0
    """How long a client may read nothing, while it should."""
    _stalled: Any = None

    @property
    def lasts(self) -> bool:
        """Whether this is a stream that has begun."""
        return self._has_request and self.cycle.response_started and self.scope["path"] == PATH

    def pause_writing(self) -> None:
        """Give the client some time to read on."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stalled_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client reads on."""
        super().resume_writing()
        if self._stalled:
            self._stalled.cancel()
            self._stalled = None
