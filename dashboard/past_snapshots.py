"""Earlier snapshots from the topic, read by one thread with a connection of its own, made on first use."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import chain
from typing import Final, TypeVar

from cluster.log_reader import LogReader
from contract.errors import Fatal, Retriable
from contract.topics import Topics
from dashboard.frames import Frame, readable_snapshots
from dashboard.recent_frames import AskedFor, RecentFrames
from dashboard.series import Stretch, Summary, spread_offsets, summary
from subscriber.feed import is_snapshot
from subscriber.history import (
    first_snapshot,
    offset_after,
    offset_of_sequence,
    snapshot_of_sequence,
    snapshot_offsets,
)

MOST_WAITING: Final = 64
MOST_STEP_BYTES: Final = 4 * 1024 * 1024
MOST_SUMMARIES: Final = 10_000
JUST_BEFORE: Final = timedelta(milliseconds=1)

Bound = datetime | int
"""A time, or a sequence."""
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
        self._summaries: OrderedDict[int, Summary] = OrderedDict()
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
        return await self._read(lambda reader: self._step_after(reader, sequence))

    async def stretch(self, since: Bound | None, until: Bound | None, limit: int) -> Stretch:
        """At most `limit` snapshots from `since` to `until`, both included; with None from the first, to the newest.

        Raises:
            LtvError: the topic can't be read now.
        """
        self._forget_another_series()
        return await self._read(lambda reader: self._stretch(reader, since, until, limit))

    def close(self) -> None:
        """End the thread, and close the connection."""
        self._thread.submit(self._disconnect)
        self._thread.shutdown()

    def _forget_another_series(self) -> None:
        if self._series != self._recent.series:
            self._series = self._recent.series
            self._asked_for.clear()
            self._summaries.clear()

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

    def _step_after(self, reader: LogReader, sequence: int) -> list[Frame]:
        start = offset_of_sequence(reader, self._topics, sequence + 1)
        _, end = snapshot_offsets(reader, self._topics)
        frames: list[Frame] = []
        for records in reader.read(self._topics.snapshots, 0, start, end):
            frames += map(Frame, readable_snapshots(records))
            if sum(len(frame.event) for frame in frames) > MOST_STEP_BYTES:
                break
        return frames

    def _stretch(self, reader: LogReader, since: Bound | None, until: Bound | None, limit: int) -> Stretch:
        start, end = snapshot_offsets(reader, self._topics)
        if since is not None:
            start = max(start, self._first_offset(reader, since))
        if until is not None:
            end = min(end, self._end_offset(reader, until))
        newest = reader.newest(self._topics.snapshots, 0, keep=is_snapshot, end=end) if start < end else []
        if not newest or newest[0].offset < start:
            return Stretch(snapshots=[], thinned=False)
        last = newest[0].offset
        offsets = spread_offsets(start, last, limit - 1)
        earlier = (
            self._summaries_of_all(reader, start, last)
            if offsets.step == 1
            else filter(None, (self._summary_at(reader, offset, last) for offset in offsets))
        )
        found = {each.sequence: each for each in [*earlier, *map(summary, readable_snapshots(newest))]}
        return Stretch(snapshots=list(found.values()), thinned=offsets.step > 1)

    def _summaries_of_all(self, reader: LogReader, start: int, end: int) -> list[Summary]:
        records = chain.from_iterable(reader.read(self._topics.snapshots, 0, start, end))
        return [summary(snapshot) for snapshot in readable_snapshots(records)]

    def _summary_at(self, reader: LogReader, offset: int, end: int) -> Summary | None:
        """The first snapshot at or after this offset, in short; None if there is none, or if it can't be read."""
        if known := self._summaries.get(offset):
            self._summaries.move_to_end(offset)
            return known
        try:
            found = first_snapshot(reader, self._topics, offset, end)
        except Fatal:
            return None
        if found is None:
            return None
        self._summaries[offset] = summary(found.snapshot)
        while len(self._summaries) > MOST_SUMMARIES:
            self._summaries.popitem(last=False)
        return self._summaries[offset]

    def _first_offset(self, reader: LogReader, since: Bound) -> int:
        if isinstance(since, int):
            return offset_of_sequence(reader, self._topics, since)
        return offset_after(reader, self._topics, since - JUST_BEFORE)

    def _end_offset(self, reader: LogReader, until: Bound) -> int:
        if isinstance(until, int):
            return offset_of_sequence(reader, self._topics, until + 1)
        return offset_after(reader, self._topics, until)
