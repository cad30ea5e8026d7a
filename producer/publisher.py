"""Sends records to a topic: idempotent, acks=all; counts the records that were not delivered."""

import gc
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import AuthorizationError, KafkaError, KafkaTimeoutError
from kafka.partitioner.default import DefaultPartitioner
from kafka.record.default_records import DefaultRecordBatchBuilder

from cluster.diagnose import connecting
from cluster.errors import error_text, our_error
from cluster.settings import Cluster
from cluster.topic_setup import max_message_bytes
from contract.errors import Fatal, InvalidEvent, Retriable, counted
from contract.partitioners import DEFAULT_PARTITIONER, PARTITIONERS, Partitioner
from contract.topics import MAX_RECORD_BYTES

BLOCK_TIMEOUT_MS: Final = 10_000
STOPPED_TIMEOUT_MS: Final = 2_000
"""The same after Ctrl-C: who stops a command waits for a few seconds."""
DELIVERY_TIMEOUT_MS: Final = 60_000
MAX_IN_FLIGHT_BYTES: Final = 32 * 1024 * 1024
"""The limit on the memory of unconfirmed records: their keys and values, and BYTES_PER_RECORD for each."""
BYTES_PER_RECORD: Final = 1_000
"""The client's memory for a record, without its key and value."""
BATCH_BYTES: Final = 256 * 1024
BATCH_OVERHEAD_BYTES: Final = 128
"""A batch of one record holds less than this beside key and value."""
POLL_S: Final = 0.005
REMEMBERED_KEYS: Final = 100_000
"""Keys whose partition is cached: the hash, in Python, takes a fifth of the time of sending a record."""
COLLECTOR_THRESHOLDS: Final = (50_000, 20, 1_000)
"""Garbage collection must be rare: it would traverse tens of thousands of live records in flight each time."""


class Publisher:
    """Sends records to one topic; counts the records sent, delivered and failed.

    It gives up when the cluster has not answered for `delivery_timeout_ms`: otherwise each further batch would wait as
    long. The client has neither a limit on its memory nor one deadline for all batches of a flush; this class has both.
    """

    def __init__(
        self,
        client: Any,
        topic: str,
        delivery_timeout_ms: int = DELIVERY_TIMEOUT_MS,
        max_batch_bytes: int | None = None,
        step: AbstractContextManager[None] | None = None,
    ) -> None:
        self._client = client
        self._topic = topic
        self._max_batch_bytes = max_batch_bytes
        self._step = step or nullcontext()
        self._timeout_s = delivery_timeout_ms / 1000
        self._bytes = 0
        self._mark = 0
        """The value of `sent` when the last half of MAX_IN_FLIGHT_BYTES was sent."""
        self._cluster_is_gone = False
        self.sent = 0
        self.delivered = 0
        self.failed = 0
        self.first_error = ""

    def send(self, key: bytes | None, value: bytes | None) -> None:
        """Send a record; blocks while too much is in flight.

        Raises:
            InvalidEvent: the record is larger than the topic allows; it was not sent, and counts as failed.
            Retriable: the cluster does not answer any more; says how many records were not delivered.
        """
        if self._cluster_is_gone:
            raise self.undelivered()
        self._refuse_too_large(key, value)
        self._bytes += len(key or b"") + len(value or b"") + BYTES_PER_RECORD
        if self._bytes > MAX_IN_FLIGHT_BYTES // 2:
            self._wait(self._mark)
            self._mark, self._bytes = self.sent, 0
        with self._step:
            self.sent += 1
            try:
                future = self._client.send(self._topic, value=value, key=key)
            except KafkaError as error:
                self._not_delivered(error)
                return
            future.add_callback(self._confirmed)
            future.add_errback(self._not_delivered)

    def _refuse_too_large(self, key: bytes | None, value: bytes | None) -> None:
        """The broker would refuse its whole batch, and what the client sends after it would be out of sequence."""
        limit, payload_bytes = self._max_batch_bytes, len(key or b"") + len(value or b"")
        if limit is None or payload_bytes + BATCH_OVERHEAD_BYTES <= limit:
            return
        batch_bytes = _batch_bytes(key, value)
        if batch_bytes > limit:
            error = InvalidEvent(
                "oversize",
                "",
                f"{batch_bytes:,} bytes as a record; the topic {self._topic} takes {limit:,}: "
                "raise its max.message.bytes",
            )
            self.sent += 1
            self.failed += 1
            self.first_error = self.first_error or str(error)
            raise error

    # Both run on the client's one I/O thread; `send` also calls `_not_delivered`, if the client rejects a record.
    def _confirmed(self, _metadata: Any) -> None:
        self.delivered += 1

    def _not_delivered(self, error: Exception) -> None:
        self.failed += 1
        self.first_error = self.first_error or error_text(error)
        if isinstance(error, KafkaTimeoutError):
            self._cluster_is_gone = True

    def finish(self) -> None:
        """Wait until every sent record is delivered or has failed.

        Raises:
            Retriable: some records were not delivered; says how many, and why.
        """
        self._wait(self.sent)
        if self.sent > self.delivered:
            raise self.undelivered()

    def wait_for_delivery(self, timeout_s: float) -> bool:
        """Wait until every sent record is delivered or has failed; False if there is no progress for `timeout_s`."""
        return self._all_decided(self.sent, timeout_s)

    def _wait(self, sent: int) -> None:
        if not self._all_decided(sent, self._timeout_s):
            self._cluster_is_gone = True
            self.first_error = self.first_error or f"no answer for {self._timeout_s:.0f} s"
        if self._cluster_is_gone:
            raise self.undelivered()

    def _all_decided(self, sent: int, timeout_s: float) -> bool:
        before, since = -1, time.monotonic()
        while (decided := self.delivered + self.failed) < sent:
            now = time.monotonic()
            if decided > before:
                before, since = decided, now
            elif self._cluster_is_gone or now - since > timeout_s:
                return False
            time.sleep(POLL_S)
        return True

    def undelivered(self) -> Retriable:
        """The error that says how many records were not delivered, and why."""
        lost = self.sent - self.delivered
        return Retriable(
            f"{lost:,} of {counted(self.sent, 'record')} {'was' if lost == 1 else 'were'} not delivered to "
            f"{self._topic}: {self.first_error or 'Kafka does not answer'}"
        )


def _batch_bytes(key: bytes | None, value: bytes | None) -> int:
    """How large a record batch is that holds this record alone."""
    alone = DefaultRecordBatchBuilder.size_in_bytes(0, 0, key, value, [])
    return int(DefaultRecordBatchBuilder.header_size_in_bytes() + alone)


class KeyPartitioner(DefaultPartitioner):  # type: ignore[misc]
    """kafka-python's interface to the topic's partitioner, with a cache of the keys' partitions."""

    def __init__(self, partitioner: Partitioner) -> None:
        name = DEFAULT_PARTITIONER if partitioner == "unchecked" else partitioner
        self._place = lru_cache(REMEMBERED_KEYS)(PARTITIONERS[name])

    def partition(
        self,
        topic: str,
        key: Any,
        serialized_key: bytes | None,
        value: Any,
        serialized_value: Any,
        cluster: Any,
    ) -> int:
        """The partition of this record."""
        if serialized_key is None:
            anyone: int = super().partition(topic, key, None, value, serialized_value, cluster)
            return anyone
        return self._place(serialized_key, len(cluster.partitions_for_topic(topic)))


def producer_settings(
    cluster: Cluster, delivery_timeout_ms: int = DELIVERY_TIMEOUT_MS, max_batch_bytes: int | None = None
) -> dict[str, Any]:
    """The settings of a `Publisher`'s client; no batch of several records is larger than the topic allows."""
    return {
        **cluster.client_settings("ltv-publish"),
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": 20,
        "batch_size": min(BATCH_BYTES, max_batch_bytes or BATCH_BYTES),
        "max_request_size": MAX_RECORD_BYTES,
        "max_block_ms": BLOCK_TIMEOUT_MS,
        "delivery_timeout_ms": delivery_timeout_ms,
        "request_timeout_ms": delivery_timeout_ms // 2,
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
    }


@contextmanager
def _rare_collections() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _partitions(client: Any, topic: str) -> set[int]:
    try:
        return client.partitions_for(topic) or set()
    except ValueError as error:  # The client looks at the name before it asks.
        raise Fatal(f"{error}; choose another topic") from error


@contextmanager
def publisher(
    cluster: Cluster,
    topic: str,
    delivery_timeout_ms: int = DELIVERY_TIMEOUT_MS,
    step: AbstractContextManager[None] | None = None,
    *,
    partitioner: Partitioner = DEFAULT_PARTITIONER,
) -> Iterator[Publisher]:
    """Connect and yield a publisher; call its `finish` at the end of the block.

    Args:
        cluster: the brokers.
        topic: where to.
        delivery_timeout_ms: after so long without an answer the cluster counts as gone.
        step: entered while a record is handed over and counted, so that a signal does not come between the two.
        partitioner: chooses a customer's partition.

    Raises:
        Retriable: no broker answers, or the topic does not exist.
        Fatal: the settings can't work.
    """
    with connecting(cluster):
        limit = max_message_bytes(cluster, topic)
        settings = producer_settings(cluster, delivery_timeout_ms, limit)
        client = KafkaProducer(**settings, partitioner=KeyPartitioner(partitioner))
    target = Publisher(client, topic, delivery_timeout_ms, limit, step)
    patience_s = BLOCK_TIMEOUT_MS / 1000
    try:
        if not _partitions(client, topic):
            raise Retriable(f"the topic {topic} does not exist; create it with: ltv topics create")
        with _rare_collections():
            yield target
    except KeyboardInterrupt:
        patience_s = STOPPED_TIMEOUT_MS / 1000
        raise
    except KafkaError as error:
        if isinstance(error, AuthorizationError):
            raise our_error(f"writing to {topic}", error) from error
        raise Retriable(
            f"{topic}: {error_text(error)}; does the topic exist? ltv topics create creates it"
        ) from error
    finally:
        # An error of the block must stay the one that is raised; records in flight get a last chance.
        if not target.wait_for_delivery(patience_s):
            client._sender.force_close()  # Otherwise `close` waits for every batch, and raises.
            client._sender.join(patience_s)
        with suppress(KafkaTimeoutError):
            client.close(timeout=patience_s)
