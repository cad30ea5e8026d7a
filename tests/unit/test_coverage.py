"""A snapshot's coverage never claims more than the snapshot counts, whatever the clocks and markers."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from consumer.domain.coverage import MAX_NOTED, CoverageTracker, HeldBack
from consumer.domain.partial import Partial
from contract.snapshots import Coverage

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def partial(next_offset: int) -> Partial:
    return Partial(
        x=1,
        basis="active",
        next_offset=next_offset,
        events=0,
        dead_letters=0,
        customers=0,
        orders=0,
        revenue="0.00",
        time_min=None,
        time_max=None,
        standings=[],
    )


class Watched:
    """A tracker, and the topic that it reads from."""

    def __init__(self, partitions: int = 1, complete_within_s: float = 10.0) -> None:
        self.tracker = CoverageTracker(partitions, complete_within_s)
        self.looks: list[tuple[int, int, int]] = []
        self.first_record: Callable[[int], datetime | None] = lambda partition: NOON

    def _look(self, partition: int, start: int, end: int) -> datetime | None:
        self.looks.append((partition, start, end))
        return self.first_record(partition)

    def at(
        self,
        second: float,
        ends: list[int],
        next_offsets: list[int | None],
        held_back: Mapping[int, HeldBack] | None = None,
    ) -> Coverage:
        """The coverage of a snapshot at this second after noon."""
        now = NOON + timedelta(seconds=second)
        self.tracker.note_ends(dict(enumerate(ends)), now)
        partials = {
            number: partial(offset) for number, offset in enumerate(next_offsets) if offset is not None
        }
        return self.tracker.coverage(partials, now, self._look, held_back or {})


def test_if_all_records_are_counted_the_snapshot_is_complete_and_not_behind() -> None:
    coverage = Watched(2).at(0, [5, 0], [5, 0])
    assert (coverage.complete, coverage.behind_s, coverage.lag_records) == (True, 0, 0)
    assert [each.next_offset for each in coverage.partitions] == [5, 0]
    assert [each.counted_to for each in coverage.partitions] == ["2026-01-01T12:00:00Z"] * 2


def test_a_partition_that_has_not_reported_is_null_and_the_snapshot_not_complete() -> None:
    coverage = Watched(2).at(0, [5, 5], [5, None])
    assert (coverage.complete, coverage.behind_s, coverage.lag_records) == (False, None, None)
    silent = coverage.partitions[1]
    assert (silent.partition, silent.next_offset, silent.lag_records, silent.counted_to) == (
        1, None, None, None,
    )  # fmt: skip


def test_the_age_is_bounded_by_the_last_noted_end_that_is_counted() -> None:
    watched = Watched()
    watched.at(0, [100], [100])
    watched.at(1, [200], [150])
    coverage = watched.at(4, [300], [200])
    assert (coverage.behind_s, coverage.lag_records, coverage.complete) == (3.0, 100, True)
    assert coverage.partitions[0].counted_to == "2026-01-01T12:00:01Z"
    assert watched.looks == []


def test_beyond_the_limit_a_snapshot_is_not_complete() -> None:
    watched = Watched(complete_within_s=2.0)
    watched.at(0, [100], [100])
    assert watched.at(2, [200], [150]).complete
    assert not watched.at(3, [200], [160]).complete


def test_a_partition_whose_offset_does_not_move_falls_behind_until_it_is_counted() -> None:
    """Its worker is dead."""
    watched = Watched(2)
    watched.at(0, [10, 10], [10, 10])
    ages = [watched.at(second, [10 + 100 * second, 20], [10 + 100 * second, 10]) for second in (5, 20, 60)]
    assert [coverage.behind_s for coverage in ages] == [5.0, 20.0, 60.0]
    assert [coverage.complete for coverage in ages] == [True, False, False]
    assert [each.lag_records for each in ages[-1].partitions] == [0, 10]
    assert watched.at(61, [6010, 20], [6010, 20]).behind_s == 0


def test_after_a_restart_the_first_record_that_is_not_counted_bounds_the_age() -> None:
    watched = Watched()
    watched.first_record = lambda partition: NOON - timedelta(hours=2)
    coverage = watched.at(0, [500_000], [1_000])
    assert (coverage.behind_s, coverage.lag_records, coverage.complete) == (7200.0, 499_000, False)
    assert watched.looks == [(0, 1_000, 500_000)]


def test_the_first_record_at_an_offset_is_read_once() -> None:
    watched = Watched()
    for second in range(5):
        watched.at(second, [500 + second], [100])
    assert len(watched.looks) == 1


def test_markers_and_aborted_records_leave_no_lag() -> None:
    """The end is after them, and the next offset of a partition without a worker never gets there."""
    watched = Watched()
    watched.first_record = lambda partition: None
    coverage = watched.at(0, [12], [10])
    assert (coverage.complete, coverage.behind_s, coverage.lag_records) == (True, 0, 0)
    assert watched.at(1, [12], [10]).lag_records == 0
    assert watched.looks == [(0, 10, 12)]


def test_records_behind_the_markers_are_looked_for_again() -> None:
    watched = Watched()
    watched.first_record = lambda partition: None
    watched.at(0, [12], [10])
    watched.first_record = lambda partition: NOON + timedelta(seconds=3)
    coverage = watched.at(5, [13], [10])
    assert (coverage.behind_s, coverage.lag_records) == (2.0, 3)
    assert len(watched.looks) == 2


def test_a_clock_that_goes_back_makes_no_negative_age() -> None:
    watched = Watched()
    watched.first_record = lambda partition: NOON + timedelta(days=1)
    assert watched.at(0, [10], [5]).behind_s == 0


def test_a_long_time_without_progress_keeps_the_bound_and_little_memory() -> None:
    watched = Watched()
    watched.at(0, [1], [1])
    for second in range(1, 2_000):
        watched.at(second, [1 + second], [1])
    progress: Any = watched.tracker._partitions[0]
    assert len(progress._noted) <= MAX_NOTED
    coverage = watched.at(2_000, [2_001], [1_500])
    assert coverage.behind_s is not None
    assert 501.0 <= coverage.behind_s < 1_000.0


@pytest.mark.parametrize("partitions", [0, 3])
def test_a_topic_without_records_is_complete(partitions: int) -> None:
    assert Watched(partitions).at(0, [0] * partitions, [0] * partitions).complete


def test_records_behind_an_open_transaction_are_not_counted_and_the_partition_says_so() -> None:
    watched = Watched(2, complete_within_s=10)
    held = HeldBack(offset=5, records=7, since=NOON + timedelta(seconds=30))
    coverage = watched.at(100, [5, 3], [5, 3], {0: held})
    assert (coverage.complete, coverage.behind_s, coverage.lag_records) == (False, 70, 7)
    assert [each.blocked_s for each in coverage.partitions] == [70, None]
    assert coverage.partitions[0].counted_to == "2026-01-01T12:00:30Z"


def test_a_partition_that_has_not_reported_can_be_blocked_too() -> None:
    held = HeldBack(offset=5, records=7, since=NOON)
    coverage = Watched(1).at(100, [5], [None], {0: held})
    assert (coverage.complete, coverage.partitions[0].blocked_s) == (False, 100)
