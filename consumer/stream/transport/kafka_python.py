"""The default transport: kafka-python.

Traps of its 3.0.12 that are handled here, and only here:

- Rebalance listeners run on the client's I/O loop: they only note, pause and place, all in memory.
- Transactional calls wait for ever: their results are waited for here, with a deadline.
- An offset to commit needs leader epoch -1: None can't be encoded and is retried for ever.
- A heartbeat that learns that another process has our instance id says nothing, and is the last one. Where there
  are none though the membership holds, that is what has happened.
- A static member never leaves its group on close: the admin client removes it.
- A leader that joins before it has the topic's metadata assigns nothing to anybody; if it dies before it joins
  again, static membership keeps the group so for ever. So the metadata is there before the first join.
- It compares what it assigned by with metadata as of before the subscription, and joins again for nothing.
- A join that a change of the metadata has begun, and that outlives its poll, is forgotten: the answer is never
  looked at, heartbeats stay off, nothing is assigned any more. So a join is asked for until it is done.
- A static member that is started again is given what it had, without an assignor's looking at it: nothing, where
  there was nothing to assign when it ended. So whoever is first given nothing joins once more: a leader that does
  has the group assigned anew, anybody else disturbs nobody.
- A transactional request whose coordinator can't be reached is forgotten: nobody answers it any more. So the client
  says that the coordinator is not ready, and does not raise it: then the request is tried again.
- A record that could not be delivered in time does not keep its transaction from being committed, and a transaction
  lost to a new epoch is reported as committed. So every record must be delivered before the commit is asked for.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka import errors as kafka_errors
from kafka.coordinator.assignors.range import RangePartitionAssignor

from cluster.deadline import Deadline
from cluster.errors import client_errors, topic_recreated
from cluster.fault_points import fault_point
from consumer.settings import Settings
from consumer.stream.transport import Batch, Clients, Rebalance
from consumer.stream.transport.admin import CALL_TIMEOUT_MS, open_clients
from consumer.stream.transport.records import read_fast
from contract.dead_letters import Headers
from contract.errors import Fatal, Retriable
from contract.topics import MAX_RECORD_BYTES

FETCH_BYTES: Final = 4 * 1024 * 1024
METADATA_MAX_AGE_MS: Final = 10_000
"""How soon partitions added to the events topic are noticed: they part customers from their history."""
RECONNECT_POLL_MS: Final = 50
JOIN_POLL_MS: Final = 100
JOIN_PATIENCE_S: Final = 2.0


def connect(settings: Settings) -> Clients:
    """Connect all four clients, and take over the transactional id: a predecessor is fenced from here on.

    Raises:
        Retriable: the cluster can't be reached now.
        Fatal: the topics or the rights are not as they must be.
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
            max_poll_records=1,  # See `records.RECORDS_AT_ONCE`.
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_bytes=4 * FETCH_BYTES,
            metrics_enabled=False,
        )
        read_fast(self._client)
        if not self._client.partitions_for_topic(self._topic):
            self.close()
            raise Retriable(f"the cluster does not tell the partitions of {self._topic} yet")
        self._topic_id = self._client._cluster.topic_id(self._topic)
        self._client.subscribe(topics=[self._topic], listener=self)
        coordinator = self._client._coordinator
        coordinator._handle_metadata_update(coordinator._cluster)

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._note("revoked", revoked)

    def on_partitions_lost(self, lost: set[TopicPartition]) -> None:
        self._note("lost", lost)

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        # The placeholder position saves a look-up of committed offsets, which we do not go by; paused, it is not read.
        for partition in assigned:
            self._client.pause(partition)
            self._client.seek(partition, 0)
        self._membership = self._client.group_metadata()
        self._note("assigned", assigned)
        self._joins_again = self._is_first_assignment and not assigned
        self._is_first_assignment = False

    def _note(self, kind: str, partitions: set[TopicPartition]) -> None:
        self._noted.append(Rebalance(kind, frozenset(tp.partition for tp in partitions)))

    def poll(self, timeout_s: float) -> list[Batch]:
        with client_errors(f"reading {self._topic}"):
            if self._joins_again:
                self._joins_again = False
                self._client._coordinator.request_rejoin()
            polled = self._client.poll(timeout_ms=max(0, int(timeout_s * 1000)))
            if self._is_joining():
                polled = self._join()
            if self._is_fenced():
                raise kafka_errors.FencedInstanceIdError
        if self._client._cluster.topic_id(self._topic) not in {self._topic_id, None}:
            raise Fatal(topic_recreated(self._topic))
        return [
            Batch(tp.partition, records.offsets, records.keys, records.values, records.timestamps_ms)
            for tp, taken in polled.items()
            for records in taken
        ]

    def _is_joining(self) -> bool:
        return self._client._coordinator._join_task is not None

    def _is_fenced(self) -> bool:
        coordinator = self._client._coordinator
        return coordinator.stable() and not coordinator._heartbeat_enabled and not self._is_joining()

    def _join(self) -> Any:
        """See a join through that has outlived its poll, for a while: nothing is assigned meanwhile."""
        patience, polled = Deadline(JOIN_PATIENCE_S), {}
        while self._is_joining() and not patience.is_over:
            self._client._coordinator.request_rejoin()
            polled = self._client.poll(timeout_ms=JOIN_POLL_MS)
        return polled

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

    def lag(self, partition: int) -> int | None:
        end = self._client.highwater(TopicPartition(self._topic, partition))
        return None if end is None else max(0, end - self.position(partition))

    def membership(self) -> Any:
        return self._membership

    def close(self) -> None:
        self._client.close(autocommit=False, timeout_ms=CALL_TIMEOUT_MS)


class _Producer:
    def __init__(self, settings: Settings) -> None:
        self._events = settings.topics.events
        self._client = KafkaProducer(
            **settings.cluster.client_settings(settings.transactional_id),
            transactional_id=settings.transactional_id,
            transaction_timeout_ms=int(settings.transaction_timeout_s * 1000),
            acks="all",
            linger_ms=5,
            batch_size=1024 * 1024,
            max_request_size=MAX_RECORD_BYTES + 64 * 1024,
            max_block_ms=CALL_TIMEOUT_MS,
            delivery_timeout_ms=CALL_TIMEOUT_MS,
            request_timeout_ms=CALL_TIMEOUT_MS // 2,
            metrics_enabled=False,
        )
        self._sent: list[Any] = []
        """In the transaction at hand."""
        _keep_requests(self._client)
        try:
            self._client.init_transactions()
        except kafka_errors.KafkaError:
            self.close()
            raise

    def begin(self) -> None:
        self._sent.clear()
        with client_errors("beginning a transaction"):
            self._client.begin_transaction()

    def send(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        key: bytes | None = None,
        headers: Headers | None = None,
    ) -> Any:
        with client_errors(f"writing to {topic}-{partition}"):
            sent = self._client.send(topic, value=value, key=key, headers=headers, partition=partition)
        self._sent.append(sent)
        fault_point("send")
        return sent

    def commit(self, offsets: Mapping[int, int], membership: Any) -> None:
        consumed = {
            TopicPartition(self._events, partition): OffsetAndMetadata(offset, "", -1)
            for partition, offset in offsets.items()
        }
        transaction = self._client._transaction_manager
        fault_point("before_offsets")
        self._finish(
            "sending offsets to the transaction",
            transaction.send_offsets_to_transaction,
            consumed,
            membership,
        )
        self._await_delivery()
        fault_point("before_commit")
        self._finish("committing the transaction", transaction.begin_commit)
        fault_point("after_commit")

    def end_open_transactions(self, places: Iterable[tuple[str, int]]) -> None:
        for topic, partition in places:
            if not self._sent:
                self.begin()
            self.send(topic, partition, b"", key=b"")
        if self._sent:
            self._await_delivery()
            self._finish("ending an old transaction", self._client._transaction_manager.begin_abort)
            self._sent.clear()

    def _await_delivery(self) -> None:
        deadline = Deadline(CALL_TIMEOUT_MS / 1000)
        with client_errors("writing in a transaction"):
            for sent in self._sent:
                sent.get(timeout=deadline.left_s)

    def _finish(self, doing: str, start: Any, *arguments: Any) -> None:
        """The public methods are these very steps, but their wait has no deadline."""
        with client_errors(doing):
            result = start(*arguments)
            self._client._sender.wakeup()
            fault_point("in_flight")
            if not result.wait(timeout_ms=CALL_TIMEOUT_MS):
                raise Retriable(f"{doing}: no answer within {CALL_TIMEOUT_MS} ms")

    def offset_of(self, sent: Any) -> int:
        with client_errors("asking for a record's offset"):
            offset: int = sent.get(timeout=CALL_TIMEOUT_MS / 1000).offset
        return offset

    def close(self) -> None:
        """An open transaction is left to be aborted: by the next producer with this id, or by its timeout."""
        self._client._sender.force_close()
        with suppress(
            kafka_errors.KafkaTimeoutError
        ):  # It flushes first; records of a lost transaction are no loss.
            self._client.close(timeout=0)


def _keep_requests(producer: Any) -> None:
    """Have requests tried again whose coordinator can't be reached; the client's sender would forget them.

    It takes False for an answer and knows what to do then, but `await_ready` never says so: it raises. Gone from
    kafka-python's source after 3.0.12 (its pull request 3110).
    """
    client = producer._sender._client
    await_ready = client.await_ready

    def is_ready_in_time(node_id: Any, timeout_ms: float) -> bool:
        try:
            return bool(await_ready(node_id, timeout_ms=timeout_ms))
        except kafka_errors.KafkaError:
            client.poll(timeout_ms=RECONNECT_POLL_MS)  # It would ask again at once, and again.
            return False

    client.await_ready = is_ready_in_time
