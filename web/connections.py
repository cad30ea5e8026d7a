"""Connections that end: a slow or silent client holds one for a few seconds, and never keeps another client out."""

from operator import attrgetter
from typing import Any, ClassVar, Final

from uvicorn.protocols.http.h11_impl import H11Protocol

ACCEPTED_AT_ONCE: Final = 32
"""Connections accepted between two steps of those that are open: a new one is answered before 128 others come."""
MAX_HEADER_BYTES: Final = 16 * 1024


class BriefConnection(H11Protocol):
    """A connection that is closed `request_s` after its opening if no request has come, and after `answer_s` anyway.

    It is closed earlier where more than `most_open` are open: first the oldest without a request, then the oldest.
    """

    most_open: ClassVar[int] = 128
    request_s: ClassVar[float] = 5.0
    answer_s: ClassVar[float] = 5.0

    @property
    def lasts(self) -> bool:
        """Whether the answer is a stream without an end: then neither time nor number closes the connection."""
        return False

    @property
    def _has_request(self) -> bool:
        return self.cycle is not None

    def connection_made(self, transport: Any) -> None:
        """Start the connection's time, and close another one if there are too many."""
        super().connection_made(transport)
        self._opened_at = self.loop.time()
        self._end = self.loop.call_later(self.request_s, self._request_is_due)
        brief = [each for each in self.connections if isinstance(each, BriefConnection) and not each.lasts]
        if len(brief) > self.most_open:
            oldest = min(brief, key=attrgetter("_has_request", "_opened_at"))
            self.connections.discard(oldest)
            oldest.transport.abort()

    def _request_is_due(self) -> None:
        if not self._has_request or self.answer_s <= self.request_s:
            self._answer_is_due()
        else:
            self._end = self.loop.call_later(self.answer_s - self.request_s, self._answer_is_due)

    def _answer_is_due(self) -> None:
        if not self.lasts:
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what refers back to the connection: a worker's garbage collector is off, and would be needed."""
        self._end.cancel()
        super().connection_lost(exc)
        self.cycle = None  # type: ignore[assignment]
        transport: Any = self.transport
        transport._read_ready_cb = None  # asyncio's transport keeps a bound method of its own.
