"""Reads a stretch of the series of snapshots from the topic, in short: not all of it, where it is long."""

from collections import OrderedDict
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from cluster.log_reader import LogReader
from contract.errors import Fatal
from contract.topics import Topics
from dashboard.frames import readable_snapshots
from dashboard.series import Stretch, Summary, spread_offsets, summary
from subscriber.feed import is_snapshot
from subscriber.history import first_snapshot, offset_after, offset_of_sequence, snapshot_offsets

MOST_SUMMARIES: Final = 10_000
JUST_BEFORE: Final = timedelta(milliseconds=1)

Bound = datetime | int
"""A time, or a sequence."""


class SeriesReader:
    """Remembers what it read: the snapshots of a long stretch are those of the same stretch a moment later."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._summaries: OrderedDict[int, Summary] = OrderedDict()
        """Offset -> the first snapshot at or after it."""

    def stretch(self, reader: LogReader, since: Bound | None, until: Bound | None, limit: int) -> Stretch:
        """At most `limit` snapshots from `since` to `until`, both included; with None from the first, to the newest.

        Raises:
            LtvError: the topic can't be read now.
        """
        start, end = snapshot_offsets(reader, self._topics)
        if since is not None:
            start = max(start, self._first_offset(reader, since))
        if until is not None:
            end = min(end, self._end_offset(reader, until))
        newest = next(filter(is_snapshot, reader.newest_first(self._topics.snapshots, 0, end)), None)
        if newest is None or newest.offset < start:
            return Stretch(snapshots=[], thinned=False)
        last = newest.offset
        offsets = spread_offsets(start, last, limit - 1)
        earlier = (
            self._summaries_of_all(reader, start, last)
            if offsets.step == 1
            else filter(None, (self._summary_at(reader, offset, last) for offset in offsets))
        )
        found = {each.sequence: each for each in [*earlier, *map(summary, readable_snapshots([newest]))]}
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
