"""`make bench-latency`: the time from an event's append to its topic until a subscriber has a snapshot that counts it.

Events are sent at a steady rate, and the broker stamps each one when it appends it. The first snapshot that counts an
event is known exactly: a partial has the offset up to which it counts its partition, and a snapshot's total of
events identifies the partials that it was merged from.
"""

import json
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, cycle, islice
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final, NamedTuple

import typer
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from benchmarks.conditions import conditions
from benchmarks.load import PARTITIONS
from benchmarks.load import events as job
from benchmarks.measure import cluster, write_json
from benchmarks.stage import Stage
from consumer.stream.partials import SERIES_KEY

WARM_UP_S: Final = 10.0
ALLOWED_S: Final = 0.1
"""How far the 99th percentile may exceed the sum of the two intervals."""
PACE_S: Final = 0.005
MOST_MADE: Final = 1_000_000
"""Events that are made before the first is sent; where more are sent, they are sent again."""
NOTED_PER_S: Final = 10_000
"""The benchmark measures the latency of this many events of each second, evenly spread."""


def main(
    rates: Annotated[str, typer.Option(help="Events a second, separated by commas.")] = "10000,200000",
    seconds: Annotated[int, typer.Option(help="Seconds of the measurement, after a warm-up.")] = 60,
    customers: Annotated[int, typer.Option(help="Number of customers.")] = 100_000,
    commit_interval_s: Annotated[float, typer.Option(help="Seconds between commits.")] = 1.0,
    snapshot_interval_s: Annotated[float, typer.Option(help="Seconds between snapshots.")] = 5.0,
    out: Annotated[Path, typer.Option(help="Write the figures to this file, as JSON.")] = Path(
        "benchmarks/results/latency.json"
    ),
) -> None:
    """Measure on the cluster of KAFKA_BOOTSTRAP_SERVERS, or on an embedded broker."""
    intervals = {"--commit-interval-s": commit_interval_s, "--snapshot-interval-s": snapshot_interval_s}
    goal_s = sum(intervals.values()) + ALLOWED_S
    begun = conditions()
    options = [word for name, value in intervals.items() for word in (name, str(value))]
    made = list(job(min(MOST_MADE, int(max(map(int, rates.split(","))) * seconds)), customers))
    found: list[dict[str, Any]] = []
    with TemporaryDirectory(prefix="ltv-bench-") as folder, cluster() as servers:
        for rate in map(int, rates.split(",")):
            events = int(rate * (seconds + WARM_UP_S))
            with (
                Stage(servers, Path(folder), **{"message.timestamp.type": "LogAppendTime"}) as stage,
                stage.consume(*options) as worker,
                _Watch(stage) as watch,
            ):
                worker.wait_for("ready")
                began = time.monotonic()
                appended = send(stage, islice(cycle(made), events), rate)
                sent_per_s = events / (time.monotonic() - began)
                watch.wait_for(events)
            warm_up = int(len(appended) * WARM_UP_S / (seconds + WARM_UP_S))
            found.append({"rate": rate, "sent_per_s": sent_per_s, **_figures(appended, watch, warm_up)})
    write_json(
        out, {**begun, "seconds": seconds, "customers": customers, "goal_p99_s": goal_s, "runs": found}
    )
    names = ("p50", "p95", "p99", "max")
    table = Table("events a second", "sent", *(f"{name} s" for name in names), "goal for p99")
    for run in found:
        cells = (f"{run[name]:.2f}" for name in names)
        table.add_row(f"{run['rate']:,}", f"{run['sent_per_s']:,.0f}", *cells, f"{goal_s}")
    Console().print(table)


class Appended(NamedTuple):
    """An event's partition and offset, and the time of its append."""

    partition: int
    offset: int
    at: float
    """Seconds since 1970."""


def send(stage: Stage, events: Iterator[tuple[str, bytes]], rate: int) -> list[Appended]:
    """Send events at a steady rate; returns the append of those noted, in the order of the broker's answers."""
    appended: list[Appended] = []

    def delivered(error: Any, record: Any) -> None:
        if error is not None:
            raise RuntimeError(f"not delivered: {error}")
        appended.append(Appended(record.partition(), record.offset(), record.timestamp()[1] / 1000))

    producer = Producer(
        {
            "bootstrap.servers": stage.servers,
            "linger.ms": 5,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    every = max(1, rate // NOTED_PER_S)
    began = time.monotonic()
    for sent, (key, value) in enumerate(events):
        while sent >= (time.monotonic() - began) * rate:
            producer.poll(PACE_S)
        noted = sent % every == 0
        producer.produce(stage.topics.events, value, key, on_delivery=delivered if noted else None)
    producer.flush()
    return appended


class _Watch(threading.Thread):
    """Notes every partial, and every snapshot with the time when the subscriber got it."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(daemon=True)
        self._stage = stage
        self._ended = threading.Event()
        self.partials: list[tuple[int, int, int]] = []
        """Partition, next offset, events; in the order of the log."""
        self.snapshots: list[tuple[float, int]] = []
        """Time when the subscriber got it (seconds since 1970), events."""

    def __enter__(self) -> "_Watch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()

    def run(self) -> None:
        topics = self._stage.topics
        with self._stage.reader(topics.partials, topics.snapshots) as reader:
            while not self._ended.is_set():
                record = reader.poll(0.1)
                if record is None or record.error() is not None:
                    continue
                at, value = time.time(), json.loads(record.value() or b"")
                if record.topic() == topics.snapshots:
                    self.snapshots.append((at, value["totals"]["events"]))
                elif record.key() != SERIES_KEY:
                    self.partials.append((int(record.key() or b""), value["next_offset"], value["events"]))

    def wait_for(self, events: int) -> None:
        """Wait for the snapshot that counts this number of events."""
        until = time.monotonic() + 60
        while not self.snapshots or self.snapshots[-1][1] < events:
            if time.monotonic() > until:
                raise RuntimeError(f"no snapshot of {events:,} events: {self.snapshots[-3:]}")
            time.sleep(0.1)


def _figures(appended: list[Appended], watch: _Watch, warm_up: int) -> dict[str, float]:
    """Latencies of all events after the warm-up."""
    held: list[dict[int, int]] = [{}]
    """After each partial: partition -> the offset up to which events are counted."""
    counts: list[dict[int, int]] = [{}]
    for partition, next_offset, events in watch.partials:
        held.append({**held[-1], partition: next_offset})
        counts.append({**counts[-1], partition: events})
    totals = [sum(count.values()) for count in counts]
    snapshots = []
    for at, events in watch.snapshots:
        state = held[bisect_right(totals, events) - 1]
        assert totals[bisect_right(totals, events) - 1] == events, (
            "a snapshot's events are not the sum of its partials'"
        )
        snapshots.append((at, state))
    by_partition = {
        p: list(accumulate((state.get(p, 0) for _, state in snapshots), max)) for p in range(PARTITIONS)
    }
    latencies = []
    for event in sorted(appended, key=lambda event: event.at)[warm_up:]:
        first = bisect_right(by_partition[event.partition], event.offset)
        latencies.append(snapshots[first][0] - event.at)
    cuts = quantiles(latencies, n=100, method="inclusive")
    return {
        "events": len(latencies),
        "p50": cuts[49],
        "p95": cuts[94],
        "p99": cuts[98],
        "max": max(latencies),
    }


if __name__ == "__main__":
    typer.run(main)
