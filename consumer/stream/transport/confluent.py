"""The fast transport: confluent-kafka (librdkafka), installed by the extra `fast`.

Traps of librdkafka that this module, and no other, handles:

- A seek during the look-up of a logical offset is undone by the look-up's answer: events would be lost silently.
  So a partition is assigned only when its offset is known, and `seek`, `pause` and `resume` are never called.
- The consumer's own position does not always pass markers and aborted records; the end-of-partition event does.
- Before Python 3.12, an exception in a callback is raised by the call as a SystemError: no callback may raise.
- With the default fetch.queue.backoff.ms, the consumer stops fetching for a second whenever its queue is full.
- A static member never leaves its group on close: the admin client removes it.
- An error that ends a producer is raised as the cause of a SystemError if delivery reports come in the same call.
- close() can wait for ever: a producer's for records that can't be delivered, a consumer's during a join. A client
  that is dropped instead ends at once, and leaves only an open transaction and a static membership, as we want. So
  one attribute holds the only reference to a client.
"""

import logging
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from cluster.deadline import Deadline
from cluster.errors import client_errors
from cluster.fault_points import fault_point
from cluster.librdkafka_errors import librdkafka_errors
from consumer.settings import Settings
from consumer.stream.transport import Clients, Column, Polled, Rebalance
from consumer.stream.transport.admin import CALL_TIMEOUT_MS, open_clients
from contract.dead_letters import Headers
from contract.errors import Retriable
from contract.topics import MAX_RECORD_BYTES

CALL_TIMEOUT_S: Final = CALL_TIMEOUT_MS / 1000
MAX_POLL_RECORDS: Final = 1_000
FETCH_BYTES: Final = 256 * 1024
QUEUED_RECORDS: Final = 5_000

_SILENT: Final = logging.getLogger("librdkafka")
"""librdkafka's own log is not shown: errors that matter are raised."""
_SILENT.disabled = True
_record: Any = Message


def connect(settings: Settings) -> Clients:
    """Connect all four clients, and take over the transactional id, which fences a predecessor.

    Raises:
        Retriable: the cluster can't be reached now.
        Fatal: a topic or a permission is missing or wrong.
    """
    doing = f"connecting to Kafka at {settings.cluster.bootstrap_servers}"
    with client_errors(doing), librdkafka_errors(doing):
        return open_clients(settings, _Producer, _Consumer)


def _timestamp_ms(message: Any) -> int:
    at: int = message.timestamp()[1]
    return at


class _Consumer:
    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topics.events
        self._noted: list[Rebalance] = []
        self._membership: Any = None
        self._positions: dict[int, int] = {}
        """Started partition -> its next offset."""
        self._to_place = False
        """`start_at` was called, and the client does not know the new positions yet."""
        self._callback_error: KafkaException | None = None
        """An error of a callback, which must not raise it; `poll` raises it."""
        self._client: Any = Consumer(
            {
                **settings.cluster.librdkafka_settings(settings.transactional_id),
                "logger": _SILENT,
                "error_cb": self._note_error,
                "group.id": settings.group,
                "group.instance.id": settings.instance_id,
                "partition.assignment.strategy": "range",
                "session.timeout.ms": int(settings.session_timeout_s * 1000),
                "heartbeat.interval.ms": int(min(1.0, settings.session_timeout_s / 3) * 1000),
                "max.poll.interval.ms": int(max(300.0, settings.session_timeout_s) * 1000),
                "max.partition.fetch.bytes": FETCH_BYTES,
                "fetch.wait.max.ms": 100,
                "fetch.queue.backoff.ms": 5,
                "queued.min.messages": QUEUED_RECORDS,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "check.crcs": True,
            }
        )
        self._client.subscribe(
            [self._topic], on_assign=self._on_assigned, on_revoke=self._on_revoked, on_lost=self._on_lost
        )

    def _on_revoked(self, client: Consumer, revoked: list[TopicPartition]) -> None:
        self._note("revoked", revoked)

    def _on_lost(self, client: Consumer, lost: list[TopicPartition]) -> None:
        self._note("lost", lost)

    def _on_assigned(self, client: Consumer, assigned: list[TopicPartition]) -> None:
        try:
            client.assign([])  # No partition is read before `start_at`.
        except KafkaException as raised:
            self._callback_error = raised
            return
        self._membership = client.consumer_group_metadata()
        self._note("assigned", assigned)

    def _note(self, kind: str, partitions: list[TopicPartition]) -> None:
        self._noted.append(Rebalance(kind, frozenset(tp.partition for tp in partitions)))

    def _note_error(self, error: KafkaError) -> None:
        # librdkafka recovers from all other errors, or returns them among the messages.
        if error.code() == KafkaError._AUTHENTICATION:
            self._callback_error = KafkaException(error)

    def poll(self, timeout_s: float) -> list[Polled]:
        with librdkafka_errors(f"reading {self._topic}"):
            self._place()
            messages = self._client.consume(MAX_POLL_RECORDS, max(0.0, timeout_s))
            if self._callback_error:
                raise self._callback_error
            if any(map(_record.error, messages)):
                messages = [message for message in messages if not self._is_partition_end(message)]
        if self._noted:  # A rebalance sets every position again, so these records will be read again.
            self._positions.clear()
            return []
        batches = []
        for partition, run in groupby(messages, _record.partition):
            records = list(run)
            # The same call may have returned the partition's end, which is after the markers behind the records.
            self._positions[partition] = max(self._positions.get(partition, 0), records[-1].offset() + 1)
            batches.append(
                Polled(
                    partition,
                    Column(records, _record.offset),
                    list(map(_record.key, records)),
                    list(map(_record.value, records)),
                    Column(records, _timestamp_ms),
                )
            )
        return batches

    def _is_partition_end(self, message: Any) -> bool:
        """Whether this is not a record but the partition's end, which becomes the position; raises an error message."""
        error = message.error()
        if error is None:
            return False
        if error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        self._positions[message.partition()] = message.offset()
        return True

    def rebalances(self) -> list[Rebalance]:
        noted, self._noted = self._noted, []
        return noted

    def start_at(self, partition: int, offset: int) -> None:
        self._positions[partition] = offset
        self._to_place = True

    def _place(self) -> None:
        """Assign all started partitions, each at its position, if `start_at` was called."""
        if self._to_place:
            self._to_place = False
            self._client.assign([TopicPartition(self._topic, *place) for place in self._positions.items()])

    def position(self, partition: int) -> int:
        return self._positions[partition]

    def lag(self, partition: int) -> int | None:
        with librdkafka_errors(f"asking for the end of {self._topic}-{partition}"):
            known = self._client.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
        return max(0, known[1] - self.position(partition)) if known and known[1] >= 0 else None

    def membership(self) -> Any:
        return self._membership

    def close(self) -> None:
        self._client = self._callback_error = None


class _Sent:
    """A record handed to the client."""

    offset: int | None = None
    """None until the record is delivered."""

    def delivered(self, error: KafkaError | None, message: Any) -> None:
        if error is None:
            self.offset = message.offset()


class _Producer:
    def __init__(self, settings: Settings) -> None:
        self._events = settings.topics.events
        transaction_timeout_ms = int(settings.transaction_timeout_s * 1000)
        self._client: Any = Producer(
            {
                **settings.cluster.librdkafka_settings(settings.transactional_id),
                "logger": _SILENT,
                "error_cb": lambda error: None,  # Errors that matter are raised by the calls.
                "transactional.id": settings.transactional_id,
                "transaction.timeout.ms": transaction_timeout_ms,
                "message.timeout.ms": min(CALL_TIMEOUT_MS, transaction_timeout_ms),
                "linger.ms": 5,
                "batch.size": 1024 * 1024,
                "message.max.bytes": MAX_RECORD_BYTES + 64 * 1024,
                "queue.buffering.max.kbytes": 64 * 1024,
            }
        )
        try:
            self._client.init_transactions(CALL_TIMEOUT_S)
        except KafkaException:
            self.close()
            raise

    def begin(self) -> None:
        with librdkafka_errors("beginning a transaction"):
            self._client.begin_transaction()

    def send(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        key: bytes | None = None,
        headers: Headers | None = None,
    ) -> Any:
        sent = _Sent()
        deadline = Deadline(CALL_TIMEOUT_S)
        with librdkafka_errors(f"writing to {topic}-{partition}"):
            while True:
                try:
                    self._client.produce(
                        topic,
                        value=value,
                        key=key,
                        partition=partition,
                        headers=headers,
                        on_delivery=sent.delivered,
                    )
                    fault_point("send")
                    return sent
                except BufferError:
                    if deadline.is_over:
                        raise Retriable(
                            f"writing to {topic}-{partition}: the send buffer was full for {CALL_TIMEOUT_S:.0f} s"
                        ) from None
                self._client.poll(0.1)

    def commit(self, offsets: Mapping[int, int], membership: Any) -> None:
        consumed = [TopicPartition(self._events, partition, offset) for partition, offset in offsets.items()]
        fault_point("before_offsets")
        with librdkafka_errors("sending offsets to the transaction"):
            self._client.send_offsets_to_transaction(consumed, membership, CALL_TIMEOUT_S)
        fault_point("before_commit")
        with librdkafka_errors("committing the transaction"):
            self._client.commit_transaction(CALL_TIMEOUT_S)
        fault_point("after_commit")

    def end_open_transactions(self, places: Iterable[tuple[str, int]]) -> None:
        sent: list[_Sent] = []
        for topic, partition in places:
            if not sent:
                self.begin()
            sent.append(self.send(topic, partition, b"", key=b""))
        if not sent:
            return
        with librdkafka_errors("ending an old transaction"):
            self._client.flush(CALL_TIMEOUT_S)
            if any(each.offset is None for each in sent):
                raise Retriable(f"writing in a transaction: not done within {CALL_TIMEOUT_S:.0f} s")
            self._client.abort_transaction(CALL_TIMEOUT_S)

    def offset_of(self, sent: Any) -> int:
        deadline = Deadline(CALL_TIMEOUT_S)
        while (
            sent.offset is None
        ):  # The transaction is committed, so the delivery report is waiting to be polled.
            if deadline.is_over:
                raise Retriable(
                    f"asking for a record's offset: no delivery report within {CALL_TIMEOUT_S:.0f} s"
                )
            self._client.poll(0.1)
        offset: int = sent.offset
        return offset

    def close(self) -> None:
        """Drop the client. The next producer with this id, or the timeout, aborts an open transaction."""
        self._client = None
