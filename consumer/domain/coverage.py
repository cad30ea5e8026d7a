"""Coverage: how much of the events topic a snapshot counts, and the age of the oldest record that it does not count.

The worker that emits snapshots notes each partition's end offset about once a second. When a partial's next offset
reaches an end noted at time t, all records written before t are counted, so the oldest uncounted record was written
after t. This bounds its age without reading a record or trusting its timestamp. If a partial's next offset does not
move, or has not reached a noted end yet (after a restart), the first uncounted record is read, if there is one.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from msgspec.structs import replace

from consumer.domain.partial import Partial
from contract.snapshots import Coverage, PartitionCoverage
from contract.times import time_text

MAX_NOTED: Final = 256
"""Ends noted for one partition. When there are more, every second one is dropped, and the bound becomes coarser."""

WHOLE_FILES: Final = Coverage(complete=True, behind_s=0.0, lag_records=0, partitions=[])
"""The coverage of a snapshot made from files: no partitions, every event is counted."""

FirstRecordTime = Callable[[int, int, int], datetime | None]
"""(partition, start, end) -> the time of the first committed record from start, before end; None: there is none."""


class HeldBack(NamedTuple):
    """Records of a partition that can't be read, because an open transaction began before them."""

    offset: int
    """The offset up to which committed records can be read."""
    records: int
    """Offsets from there to the end."""
    since: datetime
    """When the first look found the partition so."""

    def for_s(self, now: datetime) -> float:
        """For how long, in seconds."""
        return max(0.0, (now - self.since).total_seconds())


class _Noted(NamedTuple):
    at: datetime
    end: int


class _Probe(NamedTuple):
    """The `time` of the first committed record from `next_offset` on; None if there is none before `end`."""

    next_offset: int
    end: int
    time: datetime | None


class _PartitionProgress:
    """One partition: the noted ends, and how far the partials count."""

    def __init__(self) -> None:
        self._noted: deque[_Noted] = deque()
        """Ends that the partials do not count up to yet; oldest first, ends ascending."""
        self._counted_to: datetime | None = None
        """The time of the last noted end that a partial counts up to."""
        self._end = 0
        self._next_offset = -1
        self._probe: _Probe | None = None

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
            self._counted_to = self._noted.popleft().at
        lag = max(0, self._end - next_offset)
        has_moved = next_offset != self._next_offset
        self._next_offset = next_offset
        counted_to: datetime | None = now
        if lag:
            counted_to = self._counted_to
            if counted_to is None or not has_moved:
                first = self._first(partition, next_offset, first_record_time)
                lag, counted_to = (lag, counted_to or first) if first else (0, now)
        return PartitionCoverage(
            partition=partition,
            next_offset=next_offset,
            lag_records=lag,
            counted_to=time_text(counted_to),
        )

    def _first(self, partition: int, next_offset: int, first_record_time: FirstRecordTime) -> datetime | None:
        probe = self._probe
        is_known = probe and probe.next_offset == next_offset and (probe.time or probe.end == self._end)
        if not is_known:
            time = first_record_time(partition, next_offset, self._end)
            probe = self._probe = _Probe(next_offset, self._end, time)
        return probe.time if probe else None


class CoverageTracker:
    """Notes the partitions' ends, and computes from the partials how much of the partitions is counted."""

    def __init__(self, partitions: int, complete_within_s: float) -> None:
        self._complete_within_s = complete_within_s
        self._partitions = [_PartitionProgress() for _ in range(partitions)]

    def note_ends(self, ends: Mapping[int, int], at: datetime) -> None:
        """Note the partitions' ends (for readers of committed records) at this time."""
        for partition, end in ends.items():
            self._partitions[partition].note_end(end, at)

    def coverage(
        self,
        partials: Mapping[int, Partial],
        now: datetime,
        first_record_time: FirstRecordTime,
        held_back: Mapping[int, HeldBack],
    ) -> Coverage:
        """The coverage of a snapshot made from these partials. Call `note_ends` first.

        Args:
            partials: partition -> its partial, for the partitions that report.
            now: the time passed to `note_ends`.
            first_record_time: reads from a partition; called rarely.
            held_back: partition -> the records that an open transaction keeps from being read, for too long.
        """
        every = [
            _with_held_back(each, held_back.get(each.partition), now)
            for each in self._of_partitions(partials, now, first_record_time)
        ]
        behind = max((behind_s(each, now) for each in every), default=0.0)
        reported = len(partials) == len(every)
        return Coverage(
            complete=reported and behind <= self._complete_within_s,
            behind_s=round(behind, 3) if reported else None,
            lag_records=sum(each.lag_records or 0 for each in every) if reported else None,
            partitions=every,
        )

    def _of_partitions(
        self, partials: Mapping[int, Partial], now: datetime, first_record_time: FirstRecordTime
    ) -> list[PartitionCoverage]:
        return [
            progress.coverage(number, partials[number].next_offset, now, first_record_time)
            if number in partials
            else PartitionCoverage(partition=number, next_offset=None, lag_records=None, counted_to=None)
            for number, progress in enumerate(self._partitions)
        ]


def _with_held_back(coverage: PartitionCoverage, held: HeldBack | None, now: datetime) -> PartitionCoverage:
    """The coverage with the records that are held back, which may be as old as the transaction."""
    if held is None:
        return coverage
    blocked_s = round(held.for_s(now), 3)
    if coverage.next_offset is None or coverage.lag_records is None:
        return replace(coverage, blocked_s=blocked_s)
    counted_to = min(coverage.counted_to or "", time_text(held.since) or "") or None
    lag_records = max(coverage.lag_records, held.offset + held.records - coverage.next_offset)
    return replace(coverage, blocked_s=blocked_s, counted_to=counted_to, lag_records=lag_records)


def behind_s(coverage: PartitionCoverage, now: datetime) -> float:
    """The age in seconds of the oldest record that is not counted; 0 if there is none."""
    if not coverage.lag_records or coverage.counted_to is None:
        return 0.0
    return max(0.0, (now - datetime.fromisoformat(coverage.counted_to)).total_seconds())
