"""The benchmarks read the topics of the present consumer, and compare runs of one round."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks.halves import Commit, our_marks, rates_of_halves
from benchmarks.latency import _Watch
from benchmarks.measure import Run, Sample
from benchmarks.stage import Snapshots
from benchmarks.summary import summarize, table_of
from benchmarks.workers import rates
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


def test_the_half_of_a_run_of_ours_is_its_first_commit_with_half_of_the_events() -> None:
    committed = [
        Commit(at, i % 2, events) for i, (at, events) in enumerate([(11, 10), (12, 20), (13, 40), (14, 60)])
    ]
    samples = [
        Sample(at, cpu_s, 0.0, 0.0) for at, cpu_s in ((10.5, 1.0), (12.5, 2.0), (13.5, 4.0), (15.0, 5.0))
    ]
    marks = our_marks(Run(6.0, 9.0, 0.0, 12.0), 100, committed, samples)
    assert marks == {"half": {"events": 60, "cpu_s": 3.0}, "done": {"events": 100, "cpu_s": 6.0}}
    assert rates_of_halves(marks) == pytest.approx((20, 40 / 3))


@pytest.mark.parametrize("events", [40, 1_000])
def test_a_run_whose_half_no_commit_tells_has_no_halves(events: int) -> None:
    samples = [Sample(10.0, 1.0, 0.0, 0.0), Sample(20.0, 2.0, 0.0, 0.0)]
    marks = our_marks(Run(2.0, 9.0, 0.0, 12.0), events, [Commit(11, 0, 40)], samples)
    assert marks == {"done": {"events": events, "cpu_s": 2.0}}


def test_the_rates_of_workers_are_those_between_a_tenth_and_nine_tenths_of_the_events() -> None:
    counted = [(11, 5), (12, 10), (13, 40), (14, 80), (16, 90), (19, 100)]
    committed = [Commit(at_s, 0, events) for at_s, events in counted]
    samples = [Sample(at_s, at_s * 1.5, 0.0, at_s * 1.75) for at_s in range(10, 20)]
    found = rates(100, committed, samples)
    assert found == {"events_per_s": 20.0, "own_cores": 1.5, "machine_cores": 1.75}
    with pytest.raises(RuntimeError, match="too few"):
        rates(100, committed, samples[-1:])


def runs(*cpu_s: tuple[float, float]) -> dict[str, Any]:
    """An entry of runs of 1,000 events, by the CPU seconds of their halves."""
    made = [
        {
            "cpu_s": first + second,
            "wall_s": 10.0,
            "peak_mib": 1.0,
            "machine_cpu_s": 15.0,
            "whole_wall_s": 10.0,
            "marks": {
                "half": {"events": 500, "cpu_s": first},
                "done": {"events": 1_000, "cpu_s": first + second},
            },
        }
        for first, second in cpu_s
    ]
    return {"what": "", "guarantee": "none", "events": 1_000, "top": "the same", "runs": made}


def test_ratios_are_medians_of_the_ratios_within_a_round() -> None:
    """The machine slows down from round to round: the ratio of the medians would be another one."""
    ours, flink = runs((1, 1), (4, 4), (16, 16)), runs((3, 1), (16, 8), (64, 32))
    figures: dict[str, Any] = {"contestants": {"ltv pure": ours, "flink hash": flink}, "load": {}}
    summarize(figures)
    assert figures["bases"] == {"flink hash": "flink hash"}
    assert (ours["ratios"], ours["second_half_ratios"]) == ({"flink hash": 3.0}, {"flink hash": 2.0})
    assert (flink["first_half_events_per_cpu_s"], flink["second_half_events_per_cpu_s"]) == (
        500 / 16,
        500 / 8,
    )
    table = table_of(figures)
    assert list(table.columns[5].cells) == ["3.00 / 2.00", "1.00 / 1.00"]
    assert list(table.columns[7].cells) == ["1.5", "1.5"]
