"""Read committed records of single partitions, without a consumer group and without committing offsets.

Every call has a deadline. The newest record is rarely at the end offset minus one, because transaction markers,
aborted records and compacted records have offsets too: so `newest_first` goes backwards from the end.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Any, Final, Literal, Self

from kafka import IsolationLevel, KafkaAdminClient, KafkaConsumer, OffsetSpec, TopicPartition
from kafka import errors as kafka_errors

from cluster.deadline import Deadline, answer_within
from cluster.diagnose import connecting
from cluster.errors import UNSEEN, blocked_by_transaction, client_errors
from cluster.fault_points import fault_point
from cluster.fetched import Record, read_records
from cluster.frames import frame_client
from cluster.record_batch import DEFAULT_MAX_BATCH_BYTES
from cluster.settings import Cluster
from contract.errors import Fatal, Retriable

CALL_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.1
FIRST_LOOK_BACK: Final = 16
LOOK_BACK_GROWTH: Final = 4
MAX_LOOK_BACK: Final = 10_000
LOOK_BACK_BYTES: Final = 4 * 1024 * 1024
FETCH_BYTES: Final = 16 * 1024 * 1024
PEEK_BYTES: Final = 4 * 1024
PEEK_MAX_BATCH_BYTES: Final = 8 * 1024 * 1024
"""More than the largest record of our own topics; of a larger batch of the events topic, only the time counts."""
FETCH_WAIT_MS: Final = 10


class LogReader:
    """A read-only connection to a cluster. Use it as a context manager, or call `close`."""

    def __init__(
        self,
        cluster: Cluster,
        client_id: str = "ltv-reader",
        *,
        call_timeout_s: float = CALL_TIMEOUT_S,
        patience_s: float | None = None,
        trimmed: Literal["skip", "fail"] = "skip",
        topics: Collection[str] = (),
        fetch_bytes: int = FETCH_BYTES,
        max_batch_bytes: int = DEFAULT_MAX_BATCH_BYTES,
    ) -> None:
        """Connect.

        Args:
            cluster: the cluster's connection settings.
            client_id: the name that brokers log.
            call_timeout_s: the timeout of each call to the cluster.
            patience_s: how long `read` waits for a record behind an open transaction; None: `call_timeout_s`.
            trimmed: if the records at a position are deleted, "skip" to the oldest that is left, or "fail".
            topics: the topics to look up in one request; each other topic costs one request more.
            fetch_bytes: how much one request fetches at most (but at least one batch).
            max_batch_bytes: how many bytes a batch may unpack to; a larger one is one record without a value.

        Raises:
            Retriable: no broker answers in time.
            Fatal: the settings can't work.
        """
        self.servers = cluster.bootstrap_servers
        self._cluster = cluster
        self._client_id = client_id
        self._timeout_s = call_timeout_s
        self._timeout_ms = int(call_timeout_s * 1000)
        self._patience_s = patience_s if patience_s is not None else call_timeout_s
        with connecting(cluster):
            self._client = KafkaConsumer(
                **cluster.client_settings(client_id),
                group_id=None,
                enable_auto_commit=False,
                isolation_level="read_committed",
                auto_offset_reset="earliest" if trimmed == "skip" else "none",
                allow_auto_create_topics=False,
                fetch_max_wait_ms=FETCH_WAIT_MS,
                max_partition_fetch_bytes=fetch_bytes,
                fetch_max_bytes=fetch_bytes,
                metrics_enabled=False,
                kafka_client=frame_client,
            )
        read_records(self._client, max_batch_bytes)
        if topics:
            self._client._cluster.set_topics(list(topics))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close(autocommit=False, timeout_ms=1000)
        if "_admin" in self.__dict__:
            self._admin.close()
        if "_peeker" in self.__dict__:
            self._peeker.close()

    @cached_property
    def _admin(self) -> Any:
        """An admin client, for requests that a consumer client does not have; it connects on first use."""
        with connecting(self._cluster):
            return KafkaAdminClient(**self._cluster.client_settings(f"{self._client_id}-offsets"))

    @cached_property
    def _peeker(self) -> "LogReader":
        """A reader with small fetches, for reading single records."""
        return LogReader(
            self._cluster,
            f"{self._client_id}-peek",
            call_timeout_s=self._timeout_s,
            patience_s=self._patience_s,
            fetch_bytes=PEEK_BYTES,
            max_batch_bytes=PEEK_MAX_BATCH_BYTES,
        )

    def exists(self, topic: str) -> bool:
        """Whether the topic exists."""
        return bool(self._partitions(topic))

    def partitions(self, topic: str) -> list[int]:
        """The topic's partitions, sorted.

        Raises:
            Fatal: the topic does not exist.
        """
        found = self._partitions(topic)
        if not found:
            raise Fatal(
                f"there is no topic {topic} at {self.servers}. `ltv topics create` creates the events topic "
                f"and `ltv consume` the others; is --prefix right? ({UNSEEN})"
            )
        return sorted(found)

    def _partitions(self, topic: str) -> set[int]:
        doing = f"looking for {topic} at {self.servers}"
        with client_errors(doing):
            found: set[int] | None = answer_within(
                self._timeout_s, lambda: self._client.partitions_for_topic(topic), doing
            )
        return found or set()

    def topic_id(self, topic: str) -> str:
        """The id that distinguishes a topic from a deleted one of the same name; "" if the cluster gives none."""
        doing = f"looking at {topic}"
        with client_errors(doing):
            described = answer_within(self._timeout_s, lambda: self._admin.describe_topics([topic]), doing)
        return str(described[0].get("topic_id", ""))

    def committed_offset(self, group: str, topic: str, partition: int) -> int | None:
        """The group's committed offset; None if the group has committed none."""
        tp = TopicPartition(topic, partition)
        doing = f"asking for the offsets of the group {group}"
        with client_errors(doing):
            answer = answer_within(
                self._timeout_s, lambda: self._admin.list_group_offsets({group: [tp]}), doing
            )
        found = answer[group].get(tp)
        return found.offset if found and found.offset >= 0 else None

    def bounds(self, topic: str, partitions: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Partition -> its first offset and its high watermark (open transactions do not lower it)."""
        asked = [TopicPartition(topic, partition) for partition in partitions]
        starts = self._offsets(asked, OffsetSpec.EARLIEST)
        ends = self._offsets(asked, OffsetSpec.LATEST)
        return {tp.partition: (starts[tp], ends[tp]) for tp in asked}

    def both_ends(
        self, topic: str, partitions: Collection[int], timeout_s: float
    ) -> dict[int, tuple[int, int]]:
        """Partition -> its committed end and its high watermark, each request with this timeout.

        The committed end is asked for last: records that come between the requests are not held back by a transaction.
        """
        asked = [TopicPartition(topic, partition) for partition in partitions]
        ends = self._offsets(asked, OffsetSpec.LATEST, timeout_s=timeout_s)
        committed = self._offsets(asked, OffsetSpec.LATEST, IsolationLevel.READ_COMMITTED, timeout_s)
        return {tp.partition: (committed[tp], max(committed[tp], ends[tp])) for tp in asked}

    def starts(self, topic: str, partitions: Collection[int]) -> dict[int, int]:
        """Partition -> its first offset."""
        with client_errors(f"asking for the starts of {topic} at {self.servers}"):
            found = self._client.beginning_offsets(
                [TopicPartition(topic, p) for p in partitions], self._timeout_ms
            )
        return {tp.partition: offset for tp, offset in found.items()}

    def offset_at_time(self, topic: str, partition: int, timestamp_ms: int) -> int | None:
        """The offset of the first record with this timestamp (ms since 1970) or a later one; None if there is none."""
        tp = TopicPartition(topic, partition)
        with client_errors(f"asking {topic} at {self.servers} for a time"):
            found = self._client.offsets_for_times({tp: timestamp_ms}, self._timeout_ms)[tp]
        return found.offset if found else None

    def newest_timestamp(self, topic: str, partitions: Collection[int]) -> int | None:
        """The latest timestamp of a record, in ms since 1970; None if there is no record."""
        asked = dict.fromkeys((TopicPartition(topic, p) for p in partitions), OffsetSpec.MAX_TIMESTAMP)
        if not asked:
            return None
        with client_errors(f"asking for the newest records of {topic}"):
            found = self._admin.list_partition_offsets(asked, timeout_ms=self._timeout_ms)
        return max((each.timestamp for each in found.values() if each.offset >= 0), default=None)

    def committed_ends(
        self, topic: str, partitions: Collection[int], timeout_s: float | None = None
    ) -> dict[int, int]:
        """Partition -> the offset before which every transaction is committed or aborted (last stable offset)."""
        timeout_ms = self._timeout_ms if timeout_s is None else int(timeout_s * 1000)
        with client_errors(f"asking for the ends of {topic} at {self.servers}"):
            found = self._client.end_offsets([TopicPartition(topic, p) for p in partitions], timeout_ms)
        return {tp.partition: offset for tp, offset in found.items()}

    def open_transactions(self, places: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """The (topic, partition) pairs of `places` in which a transaction is open."""
        asked = [TopicPartition(*place) for place in places]
        ends = self._offsets(asked, OffsetSpec.LATEST)
        decided = self._offsets(asked, OffsetSpec.LATEST, IsolationLevel.READ_COMMITTED)
        return [(tp.topic, tp.partition) for tp in asked if decided[tp] < ends[tp]]

    def _offsets(
        self,
        partitions: Sequence[TopicPartition],
        spec: Any,
        isolation: Any = IsolationLevel.READ_UNCOMMITTED,
        timeout_s: float | None = None,
    ) -> dict[TopicPartition, int]:
        topics = ", ".join(sorted({tp.topic for tp in partitions}))
        timeout_ms = self._timeout_ms if timeout_s is None else int(timeout_s * 1000)
        with client_errors(f"asking for the offsets of {topics}"):
            answered = self._admin.list_partition_offsets(
                dict.fromkeys(partitions, spec), isolation_level=isolation, timeout_ms=timeout_ms
            )
        return {tp: found.offset for tp, found in answered.items()}

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[list[Record]]:
        """Yield lists of records from `start` until the position reaches `end`.

        Yields an empty list after POLL_S without a record, so that the caller can do other work. Waits while a
        transaction is open before `end`.

        Raises:
            Retriable: a transaction stays open, or the records were deleted meanwhile (with trimmed="fail").
        """
        if start >= end:
            return
        tp = TopicPartition(topic, partition)
        self.follow({(topic, partition): start})
        position, patience = start, Deadline(self._patience_s)
        while position < end:
            fault_point("read")
            # Polls are short: a poll that meets only transaction markers moves the position and returns nothing.
            try:
                records = self.poll()
            except Fatal as error:
                if isinstance(error.__cause__, kafka_errors.OffsetOutOfRangeError):
                    raise Retriable(
                        f"reading {topic}-{partition}: records deleted meanwhile: {error}"
                    ) from error
                raise
            with client_errors(f"reading {topic}-{partition}"):
                now_at = self._client.position(tp, timeout_ms=self._timeout_ms)
            if now_at is not None and now_at > position:
                position, patience = now_at, Deadline(self._patience_s)
            elif patience.is_over:
                raise Retriable(blocked_by_transaction(topic, partition, position, self._patience_s))
            yield [record for record in records if record.offset < end]

    def newest_first(self, topic: str, partition: int, end: int | None = None) -> Iterator[Record]:
        """Yield the committed records of a partition, newest first, with about LOOK_BACK_BYTES of them in memory.

        Args:
            topic: the topic.
            partition: the partition.
            end: only records before this offset; None: no limit.
        """
        begin = self.starts(topic, [partition])[partition]
        if end is None:
            end = self.committed_ends(topic, [partition])[partition]
        look_back = FIRST_LOOK_BACK
        while begin < end:
            start = max(begin, end - look_back)
            records, size = self._records_between(topic, partition, start, end)
            if size > LOOK_BACK_BYTES and end - start > 1:
                look_back = max(1, (end - start) // LOOK_BACK_GROWTH)
                continue
            yield from reversed(records)
            end = start
            if size * LOOK_BACK_GROWTH <= LOOK_BACK_BYTES:
                look_back = min(look_back * LOOK_BACK_GROWTH, MAX_LOOK_BACK)

    def _records_between(self, topic: str, partition: int, start: int, end: int) -> tuple[list[Record], int]:
        """The records from `start` to `end`, and their bytes; reads no further when they exceed LOOK_BACK_BYTES."""
        found: list[Record] = []
        size = 0
        for records in self.read(topic, partition, start, end):
            found += records
            size += sum(len(record.key or b"") + len(record.value or b"") for record in records)
            if size > LOOK_BACK_BYTES:
                break
        return found, size

    def follow(self, positions: dict[tuple[str, int], int]) -> None:
        """Let `poll` return the records of these (topic, partition) pairs, from these offsets on."""
        with client_errors(f"reading at {self.servers}"):
            self._client.assign([TopicPartition(*place) for place in positions])
            for place, offset in positions.items():
                self._client.seek(TopicPartition(*place), offset)

    def poll(self, timeout_s: float = POLL_S) -> list[Record]:
        """The records that arrive within `timeout_s`, in offset order within a partition; may be empty."""
        with client_errors(f"reading at {self.servers}"):
            polled = self._client.poll(timeout_ms=int(timeout_s * 1000))
        return [record for records in polled.values() for record in records]

    def first_record(self, topic: str, partition: int, start: int, end: int) -> Record | None:
        """The first committed record from `start` on; None if there is none before `end`."""
        peeker = self._peeker
        if peeker._client._cluster.leader_for_partition(TopicPartition(topic, partition)) is None:
            peeker.starts(topic, [partition])  # Finds the leader; kafka-python's polls would sleep meanwhile.
        for records in peeker.read(topic, partition, start, end):
            for record in records:
                return record
        return None
