"""One application on the tests' Kafka: its names, its processes, and the records that it has written.

Tests read and write Kafka with plain kafka-python here; the consumer runs only as `ltv consume`.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Self
from uuid import uuid4

import psutil
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetSpec, Serializer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import CoordinatorNotAvailableError

from tests.oracle import Record, invalid_among, snapshot_of
from tests.waiting import DEADLINE_S as DEADLINE_S
from tests.waiting import wait_until as wait_until

FEED_STEPS: Final = 200
FEED_STEP_S: Final = 0.1

Event = dict[str, Any]
Keyed = tuple[bytes | None, bytes | None]


_NOTHING: Final = object()


class _NothingAsNull(Serializer):  # type: ignore[misc]
    """Lets kafka-python send a record without key and value, as other clients can."""

    def serialize(self, topic: str, headers: Any, data: Any) -> Any:
        return None if data is _NOTHING else data


class Plain:
    """Kafka without the project's code: topics, records, group members."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        with ExitStack() as opened:
            self.admin: Any = opened.enter_context(closing(KafkaAdminClient(bootstrap_servers=servers)))
            self._producer: Any = opened.enter_context(
                closing(
                    KafkaProducer(
                        bootstrap_servers=servers,
                        linger_ms=5,
                        max_request_size=3_000_000,
                        value_serializer=_NothingAsNull(),
                    )
                )
            )
            self._consumer: Any = opened.enter_context(closing(self._new_consumer()))
            self._opened = opened.pop_all()

    def _new_consumer(self) -> Any:
        return KafkaConsumer(
            bootstrap_servers=self.servers,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="none",
            fetch_max_wait_ms=50,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def create_topic(self, name: str, partitions: int, **settings: str) -> None:
        made = NewTopic(
            name, partitions, 1, topic_configs={k.replace("_", "."): v for k, v in settings.items()}
        )
        self.admin.create_topics([made])
        self.admin.wait_for_topics([name])

    def send(self, topic: str, records: Iterable[Keyed], partition: int | None = None) -> None:
        """Send records and wait until they are delivered; without a partition, the key decides it."""
        sent = [
            self._producer.send(
                topic, key=key, value=_NOTHING if value is None else value, partition=partition
            )
            for key, value in records
        ]
        for each in sent:
            each.get(timeout=DEADLINE_S)

    @contextmanager
    def open_transaction(
        self, topic: str, records: Iterable[Keyed], partition: int | None = None
    ) -> Iterator[None]:
        """Send records, as `send` does, in a transaction that is open during the block, and aborted afterwards."""
        producer: Any = KafkaProducer(
            bootstrap_servers=self.servers,
            transactional_id=f"open-{uuid4().hex[:8]}",
            transaction_timeout_ms=900_000,
        )
        with closing(producer):
            producer.init_transactions()
            producer.begin_transaction()
            for key, value in records:
                producer.send(topic, key=key, value=value, partition=partition)
            producer.flush()
            yield
            producer.abort_transaction()

    def read(self, topic: str) -> list[Any]:
        """Every committed record of a topic, partition by partition; waits until the present transactions are decided.

        A producer's commit returns before readers get the committed records.
        """
        partitions = [TopicPartition(topic, number) for number in sorted(self.partitions(topic))]
        found = []
        there = self.admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
        ends = self._consumer.end_offsets(partitions)
        deadline = time.monotonic() + DEADLINE_S
        while any(ends[tp] < there[tp].offset for tp in partitions):
            assert time.monotonic() < deadline, f"{topic}: a transaction is open for {DEADLINE_S:.0f} s"
            ends = self._consumer.end_offsets(partitions)
        starts = self._consumer.beginning_offsets(partitions)
        for tp in partitions:
            self._consumer.assign([tp])
            self._consumer.seek(tp, starts[tp])
            deadline = time.monotonic() + DEADLINE_S
            while self._consumer.position(tp) < ends[tp]:
                assert time.monotonic() < deadline, f"not within {DEADLINE_S:.0f} s: {tp} read to {ends[tp]}"
                found += self._consumer.poll(50).get(tp, [])
        return found

    def partitions(self, topic: str) -> set[int]:
        described = self.admin.describe_topics([topic])
        return {partition["partition_index"] for partition in described[0]["partitions"]}

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        """Partition -> its first offset and its end."""
        partitions = [TopicPartition(topic, number) for number in self.partitions(topic)]
        starts = self._consumer.beginning_offsets(partitions)
        ends = self._consumer.end_offsets(partitions)
        return {tp.partition: (starts[tp], ends[tp]) for tp in partitions}

    def has_coordinators(self) -> bool:
        """Whether consumer groups can be: a new broker first makes a topic for them, at the first request."""
        try:
            self.admin.describe_groups(["any"])
        except CoordinatorNotAvailableError:
            return False
        return True

    def members(self, group: str) -> list[str] | None:
        """The instance ids of a consumer group's members, each with its partitions; None while it rebalances."""
        try:
            described = self.admin.describe_groups([group])[group]
        except CoordinatorNotAvailableError:
            return []
        if described["members"] and described["group_state"] != "Stable":
            return None
        return sorted(member["group_instance_id"] for member in described["members"])


class Ended(NamedTuple):
    """A process's exit code and log."""

    code: int
    log: str

    @property
    def last_line(self) -> str:
        """The last line of the log."""
        return self.log.strip().splitlines()[-1] if self.log.strip() else ""


class Instance:
    """A running `ltv consume`."""

    def __init__(self, arguments: Sequence[str], servers: str, log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self._process = psutil.Popen(
                [sys.executable, "-m", "ltv", "consume", *arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": servers},
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def failing(self) -> str:
        """The exit code and the end of the log; "" while the process runs."""
        code = self._process.poll()
        return "" if code is None else f"ended with {code}:\n{self.log[-3000:]}"

    def workers(self) -> list[psutil.Process]:
        """The child processes of a parent that runs several workers."""
        return [child for child in self._process.children() if _runs(child, "spawn_main")]

    def terminate(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the parent process with SIGKILL."""
        self._process.kill()
        self._process.wait()

    def wait(self) -> Ended:
        """Wait until the process ends."""
        try:
            code = self._process.wait(DEADLINE_S)
        except psutil.TimeoutExpired:
            raise AssertionError(f"still running after {DEADLINE_S:.0f} s:\n{self.log[-3000:]}") from None
        return Ended(code, self.log)

    def stop(self) -> Ended:
        """Send SIGTERM, and wait until the process ends."""
        self.terminate()
        return self.wait()

    def close(self) -> None:
        """Kill all processes that still run."""
        processes = [*self._process.children(recursive=True), self._process] if self._alive() else []
        for process in processes:
            process.kill()
        psutil.wait_procs(processes, timeout=DEADLINE_S)

    def _alive(self) -> bool:
        return self._process.poll() is None


def _runs(process: psutil.Process, what: str) -> bool:
    try:
        return any(what in word for word in process.cmdline())
    except psutil.NoSuchProcess:  # It has ended.
        return False


class Application:
    """A prefix, a group, an events topic, and instances that the tests start and stop."""

    def __init__(self, plain: Plain, directory: Path, events: str, prefix: str = "") -> None:
        self.plain = plain
        self.events = events
        self.prefix = prefix or f"app-{uuid4().hex[:8]}"
        self.group = f"group-of-{self.prefix}"
        self._directory = directory
        self._instances: list[Instance] = []

    def start(self, name: str, *arguments: str) -> Instance:
        """Start an instance; later arguments override the usual ones."""
        usual = {
            "--events-topic": self.events,
            "--prefix": self.prefix,
            "--group": self.group,
            "--instance-id": name,
            "--snapshot-interval-s": "0.2",
            "--commit-interval-s": "0.1",
        }
        words = [word for option in usual.items() for word in option]
        log = self._directory / f"{self.prefix}-{name}-{len(self._instances)}.log"
        instance = Instance([*words, *arguments], self.plain.servers, log)
        self._instances.append(instance)
        return instance

    def run(self, name: str, *arguments: str) -> Ended:
        """Run an instance until it ends by itself."""
        return self.start(name, *arguments).wait()

    def backfill(self, name: str = "one", *arguments: str) -> Event:
        """Consume all records on the topic; returns the final snapshot."""
        ended = self.run(name, "--until-end", *arguments)
        assert ended.code == 0, ended.log
        return self.snapshots()[-1]

    def run_command(
        self, command: str, *arguments: str, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of operators on this application."""
        names = {"--prefix": self.prefix, "--events-topic": self.events, "--group": self.group}
        words = [word for option in names.items() for word in option]
        return subprocess.run(
            [sys.executable, "-m", "ltv", command, *words, *arguments],
            env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": self.plain.servers, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )

    def close(self) -> None:
        for instance in self._instances:
            instance.close()

    def snapshots(self) -> list[Event]:
        """All committed snapshots, in order."""
        if not self.plain.admin.describe_topics([f"{self.prefix}.snapshots"])[0]["partitions"]:
            return []
        return [json.loads(record.value) for record in self.plain.read(f"{self.prefix}.snapshots")]

    def events_in_snapshot(self) -> int:
        """The number of records that the newest snapshot counts; 0 before the first snapshot."""
        snapshots = self.snapshots()
        if not snapshots:
            return 0
        covered: int = snapshots[-1]["totals"]["events"] + snapshots[-1]["totals"]["dead_letters"]
        return covered

    def wait_for_events(self, count: int, *instances: Instance) -> None:
        """Wait until a snapshot counts `count` records; fails if one of these instances ends."""
        wait_until(
            lambda: self.events_in_snapshot() >= count,
            f"{count} records in a snapshot",
            failing=lambda: "".join(instance.failing() for instance in instances),
            state=lambda: f"The newest covers {self.events_in_snapshot()}.",
        )

    def wait_for_progress(self, *instances: Instance) -> None:
        """Wait until a snapshot counts more records than the present newest one."""
        self.wait_for_events(self.events_in_snapshot() + 1, *instances)

    def wait_for_members(self, *names: str) -> None:
        """Wait until the group has exactly these members, each with its partitions.

        An instance's first worker appends -0 to its name.
        """
        expected = sorted(f"{name}-0" for name in names)
        wait_until(
            lambda: self.plain.members(self.group) == expected,
            f"members {expected}",
            state=lambda: f"Members: {self.plain.members(self.group)}.",
        )

    def records(self) -> list[Record]:
        """All records on the events topic."""
        return [Record(r.partition, r.offset, r.key, r.value) for r in self.plain.read(self.events)]

    def dead_letters(self) -> list[tuple[Record, dict[str, str]]]:
        """All dead letters, with their headers."""
        return [
            (
                Record(r.partition, r.offset, r.key, r.value),
                {name: value.decode() for name, value in r.headers},
            )
            for r in self.plain.read(f"{self.prefix}.dead-letters")
        ]

    def assert_exact(self, *, x: int = 10, basis: str = "active") -> None:
        """Check the newest snapshot by the oracle, the series, and that each invalid record has one dead letter."""
        snapshots, records = self.snapshots(), self.records()
        assert_series(snapshots)
        assert_complete(snapshots[-1], len(self.plain.partitions(self.events)))
        assert figures(snapshots[-1]) == snapshot_of(records, x, basis)
        origins = sorted(
            (int(headers["ltv.partition"]), int(headers["ltv.offset"])) for _, headers in self.dead_letters()
        )
        assert origins == sorted(invalid_among(records))


def figures(snapshot: Event) -> Event:
    """A snapshot without the fields that depend on when and how often snapshots were emitted."""
    about_emission = {"schema_version", "sequence", "emitted_at", "x", "coverage"}
    found = {name: value for name, value in snapshot.items() if name not in about_emission}
    found["rows"] = [
        {name: value for name, value in row.items() if name != "previous_rank"} for row in snapshot["rows"]
    ]
    return found


def assert_complete(snapshot: Event, partitions: int) -> None:
    """Check that the snapshot counts all records committed to the events topic."""
    coverage = snapshot["coverage"]
    assert (coverage["complete"], coverage["behind_s"], coverage["lag_records"]) == (True, 0, 0), coverage
    assert len(coverage["partitions"]) == partitions


def assert_series(snapshots: list[Event]) -> None:
    """Check that sequences have no gap or repeat, totals never fall, and previous ranks are the previous snapshot's."""
    assert [snapshot["sequence"] for snapshot in snapshots] == list(range(1, len(snapshots) + 1))
    ranks: dict[str, int] = {}
    totals = {"events": 0, "dead_letters": 0, "customers": 0, "orders": 0}
    for snapshot in snapshots:
        for name, before in totals.items():
            assert snapshot["totals"][name] >= before, (name, snapshot["sequence"])
            totals[name] = snapshot["totals"][name]
        for row in snapshot["rows"]:
            assert row["previous_rank"] == ranks.get(row["customer_id"]), snapshot["sequence"]
        ranks = {row["customer_id"]: row["rank"] for row in snapshot["rows"]}


@contextmanager
def feed(plain: Plain, topic: str, records: Sequence[Keyed]) -> Iterator[Callable[[], None]]:
    """Send records to the topic little by little during the block; the yielded function sends the rest at once."""
    hurry = threading.Event()
    trouble: list[Exception] = []

    def send() -> None:
        try:
            size = len(records) // FEED_STEPS + 1
            for i in range(0, len(records), size):
                plain.send(topic, records[i : i + size])
                hurry.wait(FEED_STEP_S)
        except Exception as error:
            trouble.append(error)

    thread = threading.Thread(target=send, name="feed")

    def finish() -> None:
        hurry.set()
        thread.join()
        if trouble:
            raise trouble[0]

    thread.start()
    try:
        yield finish
    finally:
        finish()


def shop(count: int, *, seed: int, customers: int = 50) -> list[Keyed]:
    """`count` valid events in random order, with updates, redeliveries and late versions among them."""
    chance = random.Random(seed)
    events: list[Keyed] = []
    while len(events) < count:
        if events and chance.random() < 0.05:
            events.append(chance.choice(events))
            continue
        customer = f"c{chance.randrange(customers)}"
        event: Event = {
            "type": chance.choice(["CUSTOMER", "SITE_VISIT", "IMAGE", "ORDER", "ORDER"]),
            "verb": "NEW",
            "key": str(len(events)),
            "event_time": f"2026-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
            f"T{chance.randrange(24):02d}:00:00.{chance.randrange(1000):03d}Z",
            "customer_id": customer,
        }
        match event["type"]:
            case "CUSTOMER":
                event |= {"key": customer, "last_name": chance.choice(["Ng", "Ødegård", "Smith", "Day"])}
                event["verb"] = chance.choice(["NEW", "UPDATE"])
                del event["customer_id"]
            case "IMAGE":
                event["verb"] = "UPLOAD"
            case "ORDER":
                event["key"] = f"o{chance.randrange(count // 4 + 1)}"
                event["verb"] = chance.choice(["NEW", "UPDATE"])
                event["total_amount"] = f"{chance.randrange(500)}.{chance.randrange(100):02d} USD"
        events.append((customer.encode(), json.dumps(event).encode()))
    return events
