"""The transport: kafka-python.

Traps of kafka-python 3.0.12 that this module, and no other, handles:

- Rebalance listeners run on the client's I/O loop: ours only note the rebalance, pause and seek, all in memory.
- An offset to commit needs leader epoch -1: None can't be encoded and is retried for ever.
- When a heartbeat's answer says that another process has our instance id, kafka-python raises nothing and stops the
  heartbeats. So a stable membership without heartbeats means that this has happened.
- A static member never leaves its group on close: the admin client removes it.
- A leader that joins before it has the topic's metadata assigns no partitions to any member; if it dies before it
  rejoins, static membership keeps this empty assignment for ever. So the metadata is fetched before the first join.
- kafka-python compares the assignment with metadata fetched before `subscribe()`, sees a difference, and rejoins
  needlessly. So the comparison is updated after `subscribe()`.
- A join begun by a change of the metadata is forgotten if it outlasts its poll: the answer is never read, heartbeats
  stay off, no partition is assigned any more. So a rejoin is requested until the join is done.
- A join that is answered between two polls is forgotten, too: the next poll begins another one, and the whole group
  with it; under load without an end. So such a join is completed here.
- A restarted static member gets its former assignment without a new one being computed: none, if there was none when
  it ended. So a member whose first assignment is empty rejoins once: if it is the leader, the group computes a new
  assignment; if not, no other member is disturbed.

The traps of its transactions are in `cluster/transactional_client.py`.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.protocol.metadata.find_coordinator import CoordinatorType
from kafka.structs import MemberState

from cluster.deadline import Deadline
from cluster.errors import client_errors, topic_recreated
from cluster.fault_points import fault_point
from cluster.fetched import read_batches
from cluster.frames import frame_client
from cluster.transactional_client import CALL_TIMEOUT_MS, TransactionalClient
from consumer.settings import Settings
from consumer.stream.transport import Clients, Polled, Rebalance
from consumer.stream.transport.admin import open_clients
from consumer.stream.transport.fetches import fetch_promptly
from contract.errors import Fatal, Retriable

FETCH_BYTES: Final = 4 * 1024 * 1024
METADATA_MAX_AGE_MS: Final = 10_000
"""How soon added partitions of the events topic are noticed: they would separate customers from their history."""
TOPIC_PATIENCE_S: Final = 3.0
"""For so long the metadata may lack the events topic: a broker that has just started may not know it yet."""
FIRST_POLL_MS: Final = 20
JOIN_POLL_MS: Final = 100
JOIN_PATIENCE_S: Final = 2.0


def connect(settings: Settings) -> Clients:
    """Connect all four clients, and take over the transactional id, which fences a predecessor.

    Raises:
        Retriable: the cluster can't be reached now.
        Fatal: a topic or a permission is missing or wrong.
    """
    with client_errors(f"connecting to Kafka at {settings.cluster.bootstrap_servers}"):
        return open_clients(settings, _Producer, _Consumer)


class _Consumer(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topics.events
        self._noted: deque[Rebalance] = deque()
        self._membership: Any = None
        self._is_first_assignment = True
        self._joins_again = False
        self._client = KafkaConsumer(
            **settings.cluster.client_settings(settings.transactional_id),
            group_id=settings.group,
            group_instance_id=settings.instance_id,
            partition_assignment_strategy=[RangePartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(min(1.0, settings.session_timeout_s / 3) * 1000),
            allow_auto_create_topics=False,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            max_poll_records=1,  # See `cluster.fetched.RECORDS_AT_ONCE`.
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=4 * FETCH_BYTES,
            metrics_enabled=False,
            kafka_client=frame_client,
        )
        read_batches(self._client, settings.max_batch_bytes)
        fetch_promptly(self._client)
        if not self._client.partitions_for_topic(self._topic):
            self.close()
            raise Retriable(f"the cluster has no metadata of {self._topic} yet")
        self._topic_patience = Deadline(TOPIC_PATIENCE_S)
        self._topic_id = self._client._cluster.topic_id(self._topic)
        self._client.subscribe(topics=[self._topic], listener=self)
        coordinator = self._client._coordinator
        coordinator._handle_metadata_update(coordinator._cluster)

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._note("revoked", revoked)

    def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._note("lost", lost)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        # Position 0 is a placeholder: it saves a look-up of committed offsets, which are not used. Nothing is read
        # from it, for the partition is paused.
        for partition in assigned:
            self._client.pause(partition)
            self._client.seek(partition, 0)
        self._membership = self._client.group_metadata()
        self._note("assigned", assigned)
        self._joins_again = self._is_first_assignment and not assigned
        self._is_first_assignment = False

    def _note(self, kind: str, partitions: set[TopicPartition]) -> None:
        self._noted.append(Rebalance(kind, frozenset(tp.partition for tp in partitions)))

    def poll(self, timeout_s: float) -> list[Polled]:
        with client_errors(f"reading {self._topic}"):
            self._complete_join()
            if self._joins_again:
                self._joins_again = False
                self._client._coordinator.request_rejoin()
            timeout_ms = max(0, int(timeout_s * 1000))
            # The poll that gets the first assignment would wait on, for records of partitions that are still paused.
            if self._is_first_assignment:
                timeout_ms = min(timeout_ms, FIRST_POLL_MS)
            polled = self._client.poll(timeout_ms=timeout_ms)
            if self._is_joining():
                polled = self._join()
            if self._is_fenced():
                raise kafka_errors.FencedInstanceIdError
        self._check_topic()
        return [Polled(tp.partition, batch.parts()) for tp, taken in polled.items() for batch in taken]

    def _check_topic(self) -> None:
        cluster = self._client._cluster
        if cluster.topic_id(self._topic) not in {self._topic_id, None}:
            raise Fatal(topic_recreated(self._topic))
        if cluster.partitions_for_topic(self._topic):
            self._topic_patience = Deadline(TOPIC_PATIENCE_S)
        elif self._topic_patience.is_over:
            raise Retriable(f"the brokers do not know the topic {self._topic} any more: was it deleted?")

    def stay(self) -> None:
        running = self._client.assignment() - self._client.paused()
        self._client.pause(*running)
        self.poll(0.0)
        if not self._noted:  # After a rebalance, `start_at` resumes the partitions.
            self._client.resume(*running)

    def _is_joining(self) -> bool:
        return self._client._coordinator._join_task is not None

    def _is_fenced(self) -> bool:
        coordinator = self._client._coordinator
        return coordinator.stable() and not coordinator._heartbeat_enabled and not self._is_joining()

    def _join(self) -> Any:
        """Poll for up to JOIN_PATIENCE_S until a join that has outlasted its poll is done."""
        patience, polled = Deadline(JOIN_PATIENCE_S), {}
        while self._is_joining() and not patience.is_over:
            if not self._complete_join():
                self._client._coordinator.request_rejoin()
            polled = self._client.poll(timeout_ms=JOIN_POLL_MS)
        return polled

    def _complete_join(self) -> bool:
        """Do for a join that was answered between two polls what kafka-python does for one answered within a poll."""
        coordinator = self._client._coordinator
        join = coordinator._join_task
        if join is None or not join.succeeded():
            return False
        coordinator._join_task = None
        with coordinator._lock:
            coordinator.rejoining = coordinator.rejoin_needed = False
            coordinator.state = MemberState.STABLE
            coordinator._enable_heartbeat()
        generation = coordinator._generation
        coordinator._net.run(
            coordinator._on_join_complete_async,
            generation.generation_id,
            generation.member_id,
            generation.protocol,
            join.value,
        )
        return True

    def rebalances(self) -> list[Rebalance]:
        noted = []
        while self._noted:
            noted.append(self._noted.popleft())
        return noted

    def start_at(self, partition: int, offset: int) -> None:
        tp = TopicPartition(self._topic, partition)
        self._client.seek(tp, offset)
        self._client.resume(tp)

    def position(self, partition: int) -> int:
        with client_errors(f"asking for the position in {self._topic}-{partition}"):
            position: int | None = self._client.position(
                TopicPartition(self._topic, partition), timeout_ms=CALL_TIMEOUT_MS
            )
        if position is None:
            raise Retriable(f"the position in {self._topic}-{partition} is not known")
        return position

    def membership(self) -> Any:
        return self._membership

    def close(self) -> None:
        self._client.close(autocommit=False, timeout_ms=CALL_TIMEOUT_MS)


class _Producer(TransactionalClient):
    def __init__(self, settings: Settings) -> None:
        topics = settings.topics
        super().__init__(
            settings.cluster,
            settings.transactional_id,
            settings.transaction_timeout_s,
            [topics.changelog, topics.partials, topics.snapshots, topics.dead_letters],
        )
        self._events, self._group = topics.events, settings.group

    def begin(self) -> None:
        super().begin()
        manager = self._client._transaction_manager
        if manager._consumer_group_coordinator is None:
            # kafka-python asks who it is only when the offsets are sent, and then waits 0.1 s first.
            manager._lookup_coordinator(CoordinatorType.GROUP, self._group)
            self._client._sender.wakeup()

    def commit(self, offsets: Mapping[int, int], membership: Any) -> None:
        consumed = {
            TopicPartition(self._events, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        fault_point("before_offsets")
        self._finish(
            "sending offsets to the transaction",
            self._client._transaction_manager.send_offsets_to_transaction,
            consumed,
            membership,
        )
        self.commit_sent()

    def end_open_transactions(self, places: Iterable[tuple[str, int]]) -> None:
        for topic, partition in places:
            if not self._sent:
                super().begin()
            self.send(topic, partition, b"", key=b"")
        if self._sent:
            self.abort()
