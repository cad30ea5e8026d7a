"""Reads and changes topics and groups with librdkafka, independently of the consumer under test."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from tests.waiting import wait_until

READ_S: Final = 120.0
RETRY_S: Final = 0.2
SILENCE_S: Final = 10.0
Read = TypeVar("Read")


class Record(NamedTuple):
    """One committed record."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]


class Cluster:
    """Reads and changes topics and groups; calls are retried until they succeed or READ_S has passed."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self._settings: dict[str, Any] = {"bootstrap.servers": servers, "log_level": 2}
        self.admin = AdminClient(self._settings)
        self._reader = self.new_consumer()

    def new_consumer(self) -> Any:
        """A consumer of committed records, without a group."""
        return Consumer(
            {
                **self._settings,
                "group.id": "none",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "fetch.error.backoff.ms": 20,
                "auto.offset.reset": "earliest",
            }
        )

    def close(self) -> None:
        self._reader.close()

    def create(self, topic: str, partitions: int, replication: int = 1, **settings: str) -> None:
        config = {name.replace("_", "."): value for name, value in settings.items()}
        new = NewTopic(topic, num_partitions=partitions, replication_factor=replication, config=config)
        _done(self.admin.create_topics([new]))
        wait_until(lambda: self.partitions(topic) == partitions, f"{topic} is there")

    def delete(self, topic: str) -> None:
        _done(self.admin.delete_topics([topic]))
        wait_until(lambda: self.partitions(topic) == 0, f"{topic} is gone")

    def partitions(self, topic: str) -> int:
        """The number of the topic's partitions; 0 if the topic does not exist."""
        found = _tried(lambda: self.admin.list_topics(timeout=5)).topics
        return len(found[topic].partitions) if topic in found else 0

    def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        _done(self.admin.delete_records([TopicPartition(topic, p, offset) for p, offset in before.items()]))

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        """Partition -> its first offset and its high watermark."""
        return {
            number: _tried(partial(self._bounds, topic, number)) for number in range(self.partitions(topic))
        }

    def _bounds(self, topic: str, number: int) -> tuple[int, int]:
        low, high = self._reader.get_watermark_offsets(TopicPartition(topic, number), 5)
        return low, high

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Partition -> the group's committed offset, for partitions that have one."""
        asked = ConsumerGroupTopicPartitions(
            group, [TopicPartition(topic, number) for number in range(self.partitions(topic))]
        )
        answered = _tried(lambda: self.admin.list_consumer_group_offsets([asked])[group].result(10))
        return {tp.partition: tp.offset for tp in answered.topic_partitions if tp.offset >= 0}

    def members(self, group: str) -> list[str] | None:
        """The instance ids of a group's members, each with its partitions; None while it rebalances."""
        described = _tried(lambda: self.admin.describe_consumer_groups([group])[group].result(10))
        if described.members and described.state is not ConsumerGroupState.STABLE:
            return None
        return sorted(member.group_instance_id for member in described.members)

    def read(self, topic: str) -> list[Record]:
        """Every committed record up to the last decided transaction; partitions in any order."""
        return self._read(topic, _record)

    def places(self, topic: str) -> set[tuple[int, int]]:
        """Partition and offset of every such record, without its headers, which may be unreadable."""
        return set(self._read(topic, lambda record: (record.partition(), record.offset())))

    def _read(self, topic: str, read: Callable[[Any], Read]) -> list[Read]:
        partitions = self.partitions(topic)
        self._reader.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
        found: list[Read] = []
        ended: set[int] = set()
        deadline = time.monotonic() + READ_S
        while len(ended) < partitions:
            assert time.monotonic() < deadline, f"{topic} can't be read to its end"
            record = self._reader.poll(1.0)
            if record is None:
                continue
            error = record.error()
            if not error:
                found.append(read(record))
            elif error.code() == KafkaError._PARTITION_EOF:
                ended.add(record.partition())
        self._reader.unassign()
        return found


class Tail:
    """Follows a topic from its beginning."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._cluster = cluster
        self._topic = topic
        self._next = dict.fromkeys(range(cluster.partitions(topic)), OFFSET_BEGINNING)
        self._connect()

    def _connect(self) -> None:
        self._consumer = self._cluster.new_consumer()
        self._consumer.assign([TopicPartition(self._topic, *place) for place in self._next.items()])
        self._silent_since = time.monotonic()

    def new(self) -> list[Record]:
        """Records since the last call; perhaps not all yet."""
        # After a broker's restart, librdkafka sometimes stops fetching.
        if time.monotonic() > self._silent_since + SILENCE_S:
            self._consumer.close()
            self._connect()
        found: list[Record] = []
        while record := self._consumer.poll(0.05):
            if not record.error():
                self._silent_since = time.monotonic()
                self._next[record.partition()] = record.offset() + 1
                found.append(_record(record))
        return found

    def close(self) -> None:
        self._consumer.close()


def _record(record: Any) -> Record:
    headers = dict(record.headers() or [])
    return Record(record.partition(), record.offset(), record.key(), record.value(), headers)


def _tried(call: Callable[[], Any]) -> Any:
    """The call's result, after retries."""
    deadline = time.monotonic() + READ_S
    while True:
        try:
            return call()
        except KafkaException:
            if time.monotonic() > deadline:
                raise
        time.sleep(RETRY_S)


def _done(futures: Mapping[Any, Any]) -> None:
    for future in futures.values():
        future.result(READ_S)
