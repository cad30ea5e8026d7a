"""Earlier snapshots from the topic, read by one thread with a connection of its own, made on first use."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from cluster.log_reader import LogReader
from contract.errors import Retriable
from contract.topics import Topics
from dashboard.frames import Frame, readable_snapshots
from dashboard.recent_frames import AskedFor, RecentFrames
from dashboard.series import Stretch
from dashboard.series_reader import Bound, SeriesReader
from subscriber.history import offset_of_sequence, snapshot_of_sequence, snapshot_offsets

MOST_WAITING: Final = 64
MOST_STEP_BYTES: Final = 4 * 1024 * 1024
MOST_STEPS: Final = 4
"""Steps that are remembered: after a restart, all clients ask for what follows the same few sequences."""
_Answer = TypeVar("_Answer")


class TooManyRequests(Retriable):
    """MOST_WAITING requests wait for the reader already."""


class PastSnapshots:
    """Snapshots by sequence and by stretch; what was read lately, and the recent ones, are in memory."""

    def __init__(self, connect: Callable[[], LogReader], topics: Topics, recent: RecentFrames) -> None:
        self._connect, self._topics, self._recent = connect, topics, recent
        self._thread = ThreadPoolExecutor(1, "past snapshots")
        self._waiting = 0
        self._reader: LogReader | None = None
        self._asked_for = AskedFor()
        self._series_reader = SeriesReader(topics)
        self._steps: OrderedDict[int, asyncio.Future[Sequence[Frame]]] = OrderedDict()
        self._series = recent.series

    async def of_sequence(self, sequence: int) -> Frame:
        """The snapshot with this sequence.

        Raises:
            NoSuchSnapshot: the topic does not have it.
            LtvError: the topic can't be read now.
        """
        self._forget_another_series()
        found = self._recent.of_sequence(sequence) or self._asked_for.get(sequence)
        if found is None:
            found = await self._read(
                lambda reader: Frame(snapshot_of_sequence(reader, self._topics, sequence).snapshot)
            )
            self._asked_for.add(found)
        return found

    async def after(self, sequence: int) -> Sequence[Frame]:
        """The next snapshots after this sequence, oldest first, as many as one step reads; empty if there are none.

        Raises:
            LtvError: the topic can't be read now.
        """
        self._forget_another_series()
        step = self._steps.get(sequence) or self._begin_step(sequence)
        return await asyncio.shield(step)

    def _begin_step(self, sequence: int) -> asyncio.Future[Sequence[Frame]]:
        step = asyncio.ensure_future(self._read(lambda reader: self._step_after(reader, sequence)))
        step.add_done_callback(lambda done: self._forget_failed(sequence, done))
        self._steps[sequence] = step
        while len(self._steps) > MOST_STEPS:
            self._steps.popitem(last=False)
        return step

    def _forget_failed(self, sequence: int, step: asyncio.Future[Sequence[Frame]]) -> None:
        if (step.cancelled() or step.exception()) and self._steps.get(sequence) is step:
            del self._steps[sequence]

    async def stretch(self, since: Bound | None, until: Bound | None, limit: int) -> Stretch:
        """At most `limit` snapshots from `since` to `until`, both included; with None from the first, to the newest.

        Raises:
            LtvError: the topic can't be read now.
        """
        self._forget_another_series()
        series_reader = self._series_reader
        return await self._read(lambda reader: series_reader.stretch(reader, since, until, limit))

    def close(self) -> None:
        """End the thread, and close the connection."""
        self._thread.submit(self._disconnect)
        self._thread.shutdown()

    def _forget_another_series(self) -> None:
        if self._series != self._recent.series:
            self._series = self._recent.series
            self._asked_for.clear()
            self._steps.clear()
            self._series_reader = SeriesReader(self._topics)

    async def _read(self, what: Callable[[LogReader], _Answer]) -> _Answer:
        if self._waiting >= MOST_WAITING:
            raise TooManyRequests("too many requests for earlier snapshots at once")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._connected, what)
        finally:
            self._waiting -= 1

    def _connected(self, what: Callable[[LogReader], _Answer]) -> _Answer:
        """Read in the thread; a connection that had an error of the cluster is not used again."""
        if self._reader is None:
            self._reader = self._connect()
        try:
            return what(self._reader)
        except Retriable:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        reader, self._reader = self._reader, None
        if reader:
            reader.close()

    def _step_after(self, reader: LogReader, sequence: int) -> Sequence[Frame]:
        start = offset_of_sequence(reader, self._topics, sequence + 1)
        _, end = snapshot_offsets(reader, self._topics)
        frames: list[Frame] = []
        for records in reader.read(self._topics.snapshots, 0, start, end):
            frames += map(Frame, readable_snapshots(records))
            if sum(len(frame.event) for frame in frames) > MOST_STEP_BYTES:
                break
        return frames
