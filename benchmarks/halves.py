"""The halves of a run: peers report their marks; of ours, commits tell what was counted when, and samples the CPU."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from benchmarks.measure import Run, Sample
from cluster.log_reader import LogReader
from cluster.settings import Cluster
from contract.topics import Topics


class Commit(NamedTuple):
    """A partition's partial: when the broker appended it (seconds since 1970), and the events that it counts."""

    at_s: float
    partition: int
    events: int


class _Counted(msgspec.Struct):
    events: int


def commits(environment: Mapping[str, str], prefix: str) -> list[Commit]:
    """The commits of a run of ours that has just ended, in order."""
    topic = Topics(prefix=prefix).partials
    with LogReader(Cluster.at(environment["KAFKA_BOOTSTRAP_SERVERS"])) as reader:
        start, end = reader.bounds(topic, [0])[0]
        records = [record for some in reader.read(topic, 0, start, end) for record in some]
    return [
        Commit(
            record.timestamp / 1000, int(record.key), msgspec.json.decode(record.value, type=_Counted).events
        )
        for record in records
        if record.key and record.key.isdigit() and record.value
    ]


def counted(committed: Iterable[Commit]) -> Iterator[tuple[float, int]]:
    """The moment of each commit (seconds since 1970), and the events that all partitions count from then on."""
    by_partition: dict[int, int] = {}
    for commit in committed:
        by_partition[commit.partition] = commit.events
        yield commit.at_s, sum(by_partition.values())


def our_marks(
    run: Run, events: int, committed: Iterable[Commit], samples: Sequence[Sample]
) -> dict[str, dict[str, Any]]:
    """The marks of a run of ours: `half` at the first commit that counts half of the events, `done` at its end.

    There is no `half` if no sample was taken after that commit.
    """
    marks: dict[str, dict[str, Any]] = {"done": {"events": events, "cpu_s": run.cpu_s}}
    for at_s, total in counted(committed):
        if total * 2 >= events:
            cpu_s = _cpu_at(at_s, samples)
            if cpu_s is not None and total < events:
                marks["half"] = {"events": total, "cpu_s": cpu_s}
            break
    return marks


def rates_of_halves(marks: Mapping[str, Mapping[str, float]]) -> tuple[float, float]:
    """Events per CPU second until the mark `half`, and from there to `done`."""
    half, done = marks["half"], marks["done"]
    return (
        half["events"] / half["cpu_s"],
        (done["events"] - half["events"]) / (done["cpu_s"] - half["cpu_s"]),
    )


def _cpu_at(at_s: float, samples: Sequence[Sample]) -> float | None:
    """The CPU seconds until a moment, on a straight line between the samples around it."""
    for before, after in pairwise(samples):
        if before.at_s <= at_s <= after.at_s:
            share = (at_s - before.at_s) / (after.at_s - before.at_s)
            return before.cpu_s + share * (after.cpu_s - before.cpu_s)
    return None
