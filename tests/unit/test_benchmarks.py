"""The benchmarks read the topics of the present consumer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks.latency import _Watch
from benchmarks.stage import Snapshots
from consumer.domain.partial import Partial, merge
from consumer.stream.partials import SERIES_KEY, SeriesState, encode
from contract.snapshots import Coverage, PartitionCoverage, Snapshot
from contract.topics import SNAPSHOT_KEY, Topics

TOPICS = Topics()
PARTIAL = Partial(
    x=10,
    basis="active",
    next_offset=7,
    events=7,
    dead_letters=0,
    customers=0,
    orders=0,
    revenue="0.00",
    time_min=None,
    time_max=None,
    standings=[],
)


def snapshot(*next_offsets: int | None) -> Snapshot:
    partitions = [
        PartitionCoverage(partition=i, next_offset=offset, lag_records=None, counted_to=None)
        for i, offset in enumerate(next_offsets)
    ]
    return merge(
        [PARTIAL],
        x=10,
        basis="active",
        coverage=Coverage(complete=False, behind_s=None, lag_records=None, partitions=partitions),
        sequence=1,
        emitted_at="2026-01-01T00:00:00Z",
        previous_ranks={},
    )


class FakeRecord:
    def __init__(self, topic: str, key: bytes, value: bytes) -> None:
        self._topic, self._key, self._value = topic, key, value

    def topic(self) -> str:
        return self._topic

    def key(self) -> bytes:
        return self._key

    def value(self) -> bytes:
        return self._value

    def error(self) -> None:
        return None


class FakeStage:
    """A stage whose reader returns these records, and then calls `at_end`."""

    topics = TOPICS

    def __init__(self, *records: FakeRecord) -> None:
        self._records = iter(records)
        self.at_end: Any = lambda: None

    @contextmanager
    def reader(self, *_topics: str) -> Iterator["FakeStage"]:
        yield self

    def poll(self, _timeout_s: float) -> FakeRecord | None:
        record = next(self._records, None)
        if record is None:
            self.at_end()
        return record


@pytest.mark.parametrize(("next_offsets", "all_reported"), [((7, 0), True), ((7, None), False)])
def test_a_benchmarks_subscriber_reads_the_consumers_snapshots(
    next_offsets: tuple[int | None, ...], all_reported: bool
) -> None:
    record = FakeRecord(TOPICS.snapshots, SNAPSHOT_KEY, encode(snapshot(*next_offsets)))
    found = Snapshots(FakeStage(record)).next()
    assert (found.events, found.all_reported) == (7, all_reported)


def test_the_latency_benchmark_reads_partials_and_skips_the_state_of_the_series() -> None:
    stage = FakeStage(
        FakeRecord(TOPICS.partials, b"3", encode(PARTIAL)),
        FakeRecord(TOPICS.partials, SERIES_KEY, encode(SeriesState(sequence=1, ranked=[]))),
        FakeRecord(TOPICS.snapshots, SNAPSHOT_KEY, encode(snapshot(7))),
    )
    watch: Any = _Watch(stage)  # type: ignore[arg-type]
    stage.at_end = watch._ended.set
    watch.run()
    assert watch.partials == [(3, 7, 7)]
    assert [events for _, events in watch.snapshots] == [7]
