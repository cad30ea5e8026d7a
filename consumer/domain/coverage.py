"""Coverage: how much of the events topic a snapshot counts, and how old the oldest record is that it does not.

The worker that emits snapshots notes, about once a second, where each partition ends. Once a partial has come to an
end that was noted at some moment, all records of that moment are counted: the oldest record that is not counted came
later. So its age is bounded without a look at any record or its clock. A partition that stands still, or that has not
come to a noted end yet (after a restart), is looked at: what is the first record that is not counted, if any?
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from consumer.domain.partial import Partial, time_text
from contract.snapshots import Coverage, PartitionCoverage

MAX_NOTED: Final = 256
"""Ends noted for one partition; beyond, every second one is forgotten, and the bound is coarser."""

WHOLE_FILES: Final = Coverage(complete=True, behind_s=0.0, lag_records=0, partitions=[])
"""Of a snapshot that is made from files: there is no partition, and all is counted."""

FirstRecordTime = Callable[[int, int, int], datetime | None]
"""(partition, start, end) -> the time of the first record that readers can get there; None: there is none."""


class _Noted(NamedTuple):
    at: datetime
    end: int


class _Look(NamedTuple):
    """What was found at a next offset: `time` of the first record, None where up to `end` there is none."""

    next_offset: int
    end: int
    time: datetime | None


class _PartitionProgress:
    """One partition: the ends that were noted, and how far partials have come."""

    def __init__(self) -> None:
        self._noted: deque[_Noted] = deque()
        """Not reached yet; oldest first, ends grow."""
        self._reached_at: datetime | None = None
        """When the last end was noted that a partial has reached."""
        self._end = 0
        self._next_offset = -1
        self._look: _Look | None = None

    def note_end(self, end: int, at: datetime) -> None:
        if self._noted and self._noted[-1].end == end:
            self._noted.pop()
        self._noted.append(_Noted(at, end))
        if len(self._noted) > MAX_NOTED:
            self._noted = deque(list(self._noted)[::2])
        self._end = max(self._end, end)

    def coverage(
        self, partition: int, next_offset: int, now: datetime, first_record_time: FirstRecordTime
    ) -> PartitionCoverage:
        while self._noted and self._noted[0].end <= next_offset:
            self._reached_at = self._noted.popleft().at
        lag = max(0, self._end - next_offset)
        stands_still = next_offset == self._next_offset
        self._next_offset = next_offset
        counted_to: datetime | None = now
        if lag:
            counted_to = self._reached_at
            if counted_to is None or stands_still:
                first = self._first(partition, next_offset, first_record_time)
                lag, counted_to = (lag, counted_to or first) if first else (0, now)
        return PartitionCoverage(
            partition=partition,
            next_offset=next_offset,
            lag_records=lag,
            counted_to=time_text(counted_to),
        )

    def _first(self, partition: int, next_offset: int, first_record_time: FirstRecordTime) -> datetime | None:
        look = self._look
        is_known = look and look.next_offset == next_offset and (look.time or look.end == self._end)
        if not is_known:
            time = first_record_time(partition, next_offset, self._end)
            look = self._look = _Look(next_offset, self._end, time)
        return look.time if look else None


class CoverageTracker:
    """Notes where the partitions end, and tells from the partials how much of them is counted."""

    def __init__(self, partitions: int, complete_within_s: float) -> None:
        self._complete_within_s = complete_within_s
        self._partitions = [_PartitionProgress() for _ in range(partitions)]

    def note_ends(self, ends: Mapping[int, int], at: datetime) -> None:
        """At this time the partitions ended here, for readers of committed records."""
        for partition, end in ends.items():
            self._partitions[partition].note_end(end, at)

    def coverage(
        self, partials: Mapping[int, Partial], now: datetime, first_record_time: FirstRecordTime
    ) -> Coverage:
        """The coverage of a snapshot that is made from these partials; the ends were noted just now.

        Args:
            partials: those that report.
            now: with which the ends were noted.
            first_record_time: looks into a partition; called for few, and seldom.
        """
        every = [
            progress.coverage(number, partials[number].next_offset, now, first_record_time)
            if number in partials
            else PartitionCoverage(partition=number, next_offset=None, lag_records=None, counted_to=None)
            for number, progress in enumerate(self._partitions)
        ]
        behind_s = max((_behind_s(each, now) for each in every), default=0.0)
        reported = len(partials) == len(every)
        return Coverage(
            complete=reported and behind_s <= self._complete_within_s,
            behind_s=round(behind_s, 3) if reported else None,
            lag_records=sum(each.lag_records or 0 for each in every) if reported else None,
            partitions=every,
        )


def _behind_s(coverage: PartitionCoverage, now: datetime) -> float:
    if not coverage.lag_records or coverage.counted_to is None:
        return 0.0
    return max(0.0, (now - datetime.fromisoformat(coverage.counted_to)).total_seconds())
