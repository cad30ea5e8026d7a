"""/api/stream: one client's server-sent events, from its last sequence on."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Final, Protocol

from contract.errors import LtvError
from dashboard.broadcast import Broadcast
from dashboard.dashboard_metrics import DashboardMetrics
from dashboard.frames import Frame, event

RETRY_MS: Final = 2_000
"""How long a browser waits before it connects again."""
CHUNK_BYTES: Final = 32 * 1024
"""A connection's buffer takes at most one more chunk than it should: the rest of a snapshot stays shared by all."""
MOST_RESUMED: Final = 1_000
"""The most snapshots that a client gets after it was away; older ones are counted as missed."""
MOST_SENT_TO_RESUME: Final = 2 * MOST_RESUMED
"""With those that come meanwhile: a client that reads more slowly than snapshots come is not resumed for ever."""
HEARTBEAT: Final = b": heartbeat\n\n"


class SnapshotsAfter(Protocol):
    """Reads the topic's history."""

    async def after(self, sequence: int) -> Sequence[Frame]:
        """The next snapshots after this sequence, oldest first, as many as one step reads; empty if there are none.

        Raises:
            LtvError: the topic can't be read now.
        """


class Stream:
    """The events for one client."""

    def __init__(
        self, broadcast: Broadcast, history: SnapshotsAfter, metrics: DashboardMetrics, last: int | None
    ) -> None:
        """Prepare; `last` is the sequence that the client got last, None if it is new."""
        self._broadcast, self._history, self._metrics = broadcast, history, metrics
        self._last = last
        self._is_behind = last is not None

    async def events(self) -> AsyncIterator[bytes | memoryview]:
        """Yield the events as bytes, until the broadcast is closed."""
        self._metrics.set_open_streams(self._metrics.open_streams + 1)
        try:
            yield b"retry: %d\n\n" % RETRY_MS
            state, beats = b"", self._broadcast.beats
            while not self._broadcast.is_closed:
                changed = self._broadcast.changed
                if state is not self._broadcast.state_event:
                    state = self._broadcast.state_event
                    yield state
                sent = self._last
                async for chunk in self._resumed() if self._is_behind else self._live():
                    yield chunk
                if beats != self._broadcast.beats and sent == self._last:
                    yield HEARTBEAT
                beats = self._broadcast.beats
                await changed.wait()
        finally:
            self._metrics.set_open_streams(self._metrics.open_streams - 1)

    async def _resumed(self) -> AsyncIterator[bytes | memoryview]:
        """What the client missed while it was away, then what is live.

        Nothing before the newest snapshot is known, and while the history can't be read: the next change tries again.
        """
        newest = self._broadcast.recent.newest
        if newest is None or self._last is None:
            return
        if self._last > newest.sequence:
            self._last = None  # It is of another series.
        first, budget = newest.sequence + 1 - MOST_RESUMED, MOST_SENT_TO_RESUME
        try:
            while budget > 0 and self._last is not None:
                frames = await self._after(max(self._last, first - 1))
                if not frames:
                    break
                for frame in frames:
                    for chunk in self._numbered(frame):
                        yield chunk
                budget -= len(frames)
        except LtvError:
            return
        self._is_behind = False
        async for chunk in self._live():
            yield chunk

    async def _after(self, sequence: int) -> Sequence[Frame]:
        recent = self._broadcast.recent.after(sequence)
        return await self._history.after(sequence) if recent is None else recent

    async def _live(self) -> AsyncIterator[bytes | memoryview]:
        for frame in self._unsent():
            for chunk in self._numbered(frame):
                yield chunk

    def _unsent(self) -> Sequence[Frame]:
        """The last batch if it goes on where this client is, else the newest snapshot, and nothing if that was sent."""
        newest, batch = self._broadcast.recent.newest, self._broadcast.batch
        if newest is None or newest.sequence == self._last:
            return ()
        if self._last is not None and batch and batch[0].sequence == self._last + 1:
            return batch
        return (newest,)

    def _numbered(self, frame: Frame) -> Sequence[bytes | memoryview]:
        """The chunks of a snapshot; before them how many were left out since the one before."""
        chunks: list[bytes | memoryview] = []
        missed = 0 if self._last is None else max(0, frame.sequence - self._last - 1)
        if missed:
            chunks.append(event("missed", {"count": missed}))
            self._metrics.missed.inc(missed)
        self._last = frame.sequence
        data = memoryview(frame.event)
        chunks += [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]
        self._metrics.sent.inc()
        self._metrics.delay_seconds.observe(time.monotonic() - frame.received_at)
        return chunks
