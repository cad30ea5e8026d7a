"""One application for a benchmark: its topics and their records, `ltv consume`, its snapshots."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.load import PARTITIONS, create_topic, delete_topics, send
from benchmarks.measure import LTV
from contract.snapshots import decode_snapshot
from contract.topics import Topics

DEADLINE_S: Final = 600.0
PROBE: Final = """
import sys, time
import ltv.commands.consume, consumer.stream.worker
from datetime import UTC, datetime
import json
print(json.dumps({"event": "imported", "timestamp": datetime.now(UTC).isoformat()}), file=sys.stderr, flush=True)
from ltv.cli import main
main()
"""
"""`ltv` that logs when all its modules are imported."""


class Stage:
    """One application on a cluster, with its own topics, which are deleted at the end of the block."""

    def __init__(self, servers: str, folder: Path, **events_settings: str) -> None:
        self.servers = servers
        self.topics = Topics(name := f"bench-{uuid4().hex[:8]}", name)
        self._log = folder / f"{name}.log"
        self.environment = {
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "LTV_EVENTS_TOPIC": name,
            "LTV_PREFIX": name,
            "LTV_INSTANCE_ID": "bench",
        }
        if events_settings:
            create_topic(servers, name, PARTITIONS, events_settings)
        self.run("topics", "create", "--partitions", str(PARTITIONS))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        delete_topics(self.servers, self.topics.prefix)

    def run(self, *command: str) -> None:
        """Run an `ltv` command until it ends."""
        subprocess.run(
            [*LTV, *command], env={**os.environ, **self.environment}, check=True, capture_output=True
        )

    def fill(self, events: Iterable[tuple[str, bytes]]) -> int:
        """Send events, as (customer id, value), to the events topic; returns their number."""
        return send(self.servers, self.topics.events, events).events

    def consume(self, *options: str) -> "Consume":
        """Start `ltv consume`."""
        return Consume(
            [sys.executable, "-c", PROBE, "consume", *options],
            self.environment,
            self._log,
        )

    def committed(self) -> int:
        """The sum of the group's committed offsets on the events topic."""
        settings = {"bootstrap.servers": self.servers, "group.id": self.topics.prefix}
        # With read_committed, the request would wait for a transaction that a killed worker has left open.
        group = Consumer({**settings, "isolation.level": "read_uncommitted"})
        try:
            found = group.committed(
                [TopicPartition(self.topics.events, p) for p in range(PARTITIONS)], timeout=10
            )
        finally:
            group.close()
        return sum(max(0, partition.offset) for partition in found)

    @contextmanager
    def snapshots(self) -> Iterator["Snapshots"]:
        """A subscriber of the snapshots."""
        with self.reader(self.topics.snapshots) as reader:
            yield Snapshots(reader)

    @contextmanager
    def reader(self, *topics: str) -> Iterator[Consumer]:
        """A consumer of the committed records of these topics with one partition, from the beginning."""
        reader = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "none",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
                "fetch.error.backoff.ms": 5,
            }
        )
        reader.assign([TopicPartition(topic, 0, OFFSET_BEGINNING) for topic in topics])
        try:
            yield reader
        finally:
            reader.close()


class Snapshot(NamedTuple):
    """One snapshot, and the time when the subscriber got it."""

    at: float
    """Seconds since 1970."""
    events: int
    all_reported: bool
    """Whether every partition has reported."""


class Snapshots:
    """A subscriber of ltv.snapshots."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def next(self, within_s: float = DEADLINE_S) -> Snapshot:
        """Wait for the next snapshot."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            record = self._reader.poll(0.2)
            at = time.time()
            if record is not None and record.error() is None:
                snapshot = decode_snapshot(record.value())
                reported = all(each.next_offset is not None for each in snapshot.coverage.partitions)
                return Snapshot(at, snapshot.totals.events, reported)
        raise RuntimeError(f"no snapshot within {within_s:.0f} s")

    def until(self, events: int, within_s: float = DEADLINE_S) -> Snapshot:
        """Wait for a snapshot of all partitions that counts at least `events`."""
        while True:
            snapshot = self.next(within_s)
            if snapshot.all_reported and snapshot.events >= events:
                return snapshot


class Consume:
    """A running `ltv consume`, which is killed at the end of the block."""

    def __init__(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self.started_at = time.time()
            self.process = subprocess.Popen(
                command, stderr=file, stdout=file, env={**os.environ, **environment}
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def logged(self) -> dict[str, float]:
        """Log event -> the time when it was last logged, in seconds since the start."""
        logged: dict[str, float] = {}
        for line in self._log.read_text(errors="replace").splitlines():
            try:
                entry = json.loads(line)
                logged[entry["event"]] = (
                    datetime.fromisoformat(entry["timestamp"]).timestamp() - self.started_at
                )
            except (ValueError, KeyError, TypeError):
                continue
        return logged

    def wait_for(self, event: str, within_s: float = DEADLINE_S) -> float:
        """Wait until `event` is logged; returns the time, in seconds since the start."""
        until = time.monotonic() + within_s
        while (at := self.logged().get(event)) is None:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"ltv consume did not log {event!r}: {self._log.read_text()[-2000:]}")
            time.sleep(0.05)
        return at
