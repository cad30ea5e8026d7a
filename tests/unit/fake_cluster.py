"""A fake cluster in memory behind the stream's four interfaces: an events topic, the application's logs, a clock.

Transactions use offsets as in Kafka: one for each record, then one for the marker, on every partition written to.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cluster.errors import Fenced
from cluster.fetched import Record
from cluster.record_batch import CHUNK_RECORDS, Chunk, Origin, UnreadableBatch
from consumer.stream.transport import Clients, Polled, Rebalance
from contract.dead_letters import Headers
from contract.errors import Retriable
from contract.topics import Topics

EventRecord = tuple[bytes | None, bytes | None]


def log_record(
    topic: str, partition: int, offset: int, key: bytes | None, value: bytes | None, timestamp_ms: int = 0
) -> Record:
    """A record without headers."""
    return Record(topic, partition, offset, timestamp_ms, key, value, b"\0")


@dataclass
class Log:
    """One partition: its committed records, and the offset after its last record or marker."""

    records: list[Record] = field(default_factory=list)
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Commit:
    """A committed transaction."""

    offsets: dict[int, int]
    membership: Any


class FakeCluster:
    """The cluster of all clients of a test. `clients()` returns one worker's four clients."""

    def __init__(self, partitions: int = 1, topics: Topics | None = None) -> None:
        self.topics = topics or Topics()
        self.events: dict[int, list[EventRecord]] = {number: [] for number in range(partitions)}
        self.logs: defaultdict[tuple[str, int], Log] = defaultdict(Log)
        self.commits: list[Commit] = []
        self.undecided: dict[tuple[str, int], int] = {}
        """(topic, partition) -> the first offset of an open transaction; readers get no records from there on."""
        self.trimmed: list[tuple[str, int, int]] = []
        self.now_s = 0.0
        self.readable_to: dict[int, int] = {}
        """Events partition -> the offset up to which its records can be read now."""
        self.timestamps_ms: dict[int, int] = {}
        """Events partition -> its records' timestamps."""
        self.fail_at: dict[str, Callable[[], None]] = {}
        """Step of the producer ("begin", "before commit", "after commit") -> a function to call there once."""

    def clock(self) -> float:
        return self.now_s

    def values(self, topic: str, partition: int = 0) -> list[bytes]:
        return [record.value for record in self.logs[topic, partition].records if record.value is not None]

    def clients(self) -> Clients:
        return Clients(
            FakeConsumer(self), FakeProducer(self), FakeReader(self), FakeAdmin(self), len(self.events)
        )


class FakeConsumer:
    """A member of the group. The test decides the group protocol's steps and what each poll returns."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self._noted: deque[Rebalance] = deque()
        self._membership = 0
        self.positions: dict[int, int] = {}
        self.running: set[int] = set()
        self.max_poll_records = 1_000
        self.chunk_records = CHUNK_RECORDS
        self.stays = 0
        self.unreadable: dict[int, list[UnreadableBatch]] = {}
        """Partition -> the batches of its events that can't be read."""
        self.before_return: Callable[[], None] = lambda: None
        """Called in a poll after its records were taken, where a real client's rebalances happen."""

    def assign(self, *partitions: int) -> None:
        """Assign these partitions, and no others: paused, at a placeholder position."""
        self._membership += 1
        self.positions = dict.fromkeys(partitions, 0)
        self.running = set()
        self._noted.append(Rebalance("assigned", frozenset(partitions)))

    def revoke(self, *partitions: int) -> None:
        self._noted.append(Rebalance("revoked", frozenset(partitions)))

    def lose(self, *partitions: int) -> None:
        self._noted.append(Rebalance("lost", frozenset(partitions)))

    def poll(self, timeout_s: float) -> list[Polled]:
        batches = []
        for number in sorted(self.running):
            at = self.positions[number]
            end = self._cluster.readable_to.get(number, len(self._cluster.events[number]))
            records = self._cluster.events[number][at : min(end, at + self.max_poll_records)]
            if records:
                batches.append(Polled(number, self._parts(number, at, records)))
                self.positions[number] = at + len(records)
        self.before_return()
        return batches

    def _parts(self, number: int, at: int, records: list[EventRecord]) -> Iterator[Chunk | UnreadableBatch]:
        end = at + len(records)
        for batch in self.unreadable.get(number, []):
            if at <= batch.last_offset and batch.first_offset < end:
                yield from self._chunks(at, records[: batch.first_offset - at])
                yield batch
                records, at = records[batch.last_offset + 1 - at :], batch.last_offset + 1
        yield from self._chunks(at, records)

    def _chunks(self, at: int, records: list[EventRecord]) -> Iterator[Chunk]:
        for start in range(0, len(records), self.chunk_records):
            keys, values = zip(*records[start : start + self.chunk_records], strict=True)
            offsets = range(at + start, at + start + len(keys))
            yield Chunk(offsets, list(keys), list(values), partial(_origins, len(keys)))

    def stay(self) -> None:
        self.stays += 1
        self.before_return()

    def rebalances(self) -> list[Rebalance]:
        noted = list(self._noted)
        self._noted.clear()
        return noted

    def start_at(self, partition: int, offset: int) -> None:
        assert partition in self.positions, "not assigned"
        self.positions[partition] = offset
        self.running.add(partition)

    def position(self, partition: int) -> int:
        return self.positions[partition]

    def membership(self) -> Any:
        return self._membership

    def close(self) -> None:
        pass


def _origins(count: int) -> list[Origin]:
    return [Origin(0, b"\0")] * count


class FakeProducer:
    """Transactions take effect at their commit, or not at all."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self._sent: list[tuple[str, int, bytes | None, bytes | None, Headers]] = []
        self._offsets: list[int] = []

    def _run_fault(self, step: str) -> None:
        self._cluster.fail_at.pop(step, lambda: None)()

    def begin(self) -> None:
        self._run_fault("begin")
        self._sent, self._offsets = [], []

    def send(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        key: bytes | None = None,
        headers: Headers | None = None,
    ) -> Any:
        self._sent.append((topic, partition, value, key, headers or []))
        return len(self._sent) - 1

    def commit(self, offsets: Mapping[int, int], membership: Any) -> None:
        self._run_fault("before commit")
        touched = set()
        for topic, partition, value, key, _ in self._sent:
            log = self._cluster.logs[topic, partition]
            touched.add((topic, partition))
            log.records.append(log_record(topic, partition, log.end, key, value))
            self._offsets.append(log.end)
            log.end += 1
        for place in touched:
            self._cluster.logs[place].end += 1
        self._cluster.commits.append(Commit(dict(offsets), membership))
        self._run_fault("after commit")

    def end_open_transactions(self, places: Iterable[tuple[str, int]]) -> None:
        raise NotImplementedError("only connecting needs it")

    def offset_of(self, sent: Any) -> int:
        offset: int = self._offsets[sent]
        return offset

    def close(self) -> None:
        pass


class FakeReader:
    """Reads committed records."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster
        self.records_at_once = 10

    def bounds(self, topic: str, partitions: Collection[int]) -> dict[int, tuple[int, int]]:
        if topic == self._cluster.topics.events:
            return {number: (0, len(self._cluster.events[number])) for number in partitions}
        logs = {number: self._cluster.logs[topic, number] for number in partitions}
        return {number: (log.start, log.end) for number, log in logs.items()}

    def committed_ends(
        self, topic: str, partitions: Collection[int], timeout_s: float | None = None
    ) -> dict[int, int]:
        undecided = self._cluster.undecided
        return {n: undecided.get((topic, n), end) for n, (_, end) in self.bounds(topic, partitions).items()}

    def both_ends(
        self, topic: str, partitions: Collection[int], timeout_s: float
    ) -> dict[int, tuple[int, int]]:
        committed = self.committed_ends(topic, partitions)
        return {n: (committed[n], end) for n, (_, end) in self.bounds(topic, partitions).items()}

    def topic_id(self, topic: str) -> str:
        return f"id of {topic}"

    def committed_offset(self, group: str, topic: str, partition: int) -> int | None:
        return None

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[list[Record]]:
        log = self._cluster.logs[topic, partition]
        found = [record for record in log.records if max(start, log.start) <= record.offset < end]
        for i in range(0, len(found), self.records_at_once):
            yield found[i : i + self.records_at_once]

    def first_record(self, topic: str, partition: int, start: int, end: int) -> Record | None:
        assert topic == self._cluster.topics.events
        if start >= end:
            return None
        key, value = self._cluster.events[partition][start]
        timestamp_ms = self._cluster.timestamps_ms.get(partition, 0)
        return log_record(topic, partition, start, key, value, timestamp_ms)

    def close(self) -> None:
        pass


class FakeAdmin:
    """Deletes records from the fake cluster's logs."""

    def __init__(self, cluster: FakeCluster) -> None:
        self._cluster = cluster

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        log = self._cluster.logs[topic, partition]
        log.start = max(log.start, before_offset)
        log.records = [record for record in log.records if record.offset >= log.start]
        self._cluster.trimmed.append((topic, partition, before_offset))

    def leave_group(self) -> None:
        pass

    def close(self) -> None:
        pass


def retriable() -> None:
    """Raises a retriable error; for `FakeCluster.fail_at`."""
    raise Retriable("the test says so")


def fenced() -> None:
    """Raises the error of a transactional id that was taken over; for `FakeCluster.fail_at`."""
    raise Fenced("the test says so")
