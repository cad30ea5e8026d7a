"""To the topic: keyed by customer id, idempotent, acks=all. What was not delivered is counted, never forgotten."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from contract.cluster import Cluster
from contract.connect import cluster_errors, described
from contract.errors import Retriable
from contract.topics import MAX_RECORD_BYTES

BLOCK_TIMEOUT_MS: Final = 10_000
DELIVERY_TIMEOUT_MS: Final = 60_000
MAX_IN_FLIGHT: Final = 50_000
"""Records sent and not yet confirmed: what bounds the memory."""


class Publisher:
    """Sends records to one topic and counts what became of them."""

    def __init__(self, client: Any, topic: str) -> None:
        self._client = client
        self._topic = topic
        self.sent = 0
        self.delivered = 0
        self.failed = 0
        self.first_error = ""

    def send(self, key: bytes | None, value: bytes | None) -> None:
        """Hand over a record; blocks while too many are on their way."""
        if self.sent - self.delivered - self.failed >= MAX_IN_FLIGHT:
            self.flush()
        self.sent += 1
        try:
            future = self._client.send(self._topic, value=value, key=key)
        except KafkaError as error:
            self._not_delivered(error)
            return
        future.add_callback(self._confirmed)
        future.add_errback(self._not_delivered)

    # Both run on the client's one I/O thread; `_not_delivered` also where send itself refuses a record.
    def _confirmed(self, _metadata: Any) -> None:
        self.delivered += 1

    def _not_delivered(self, error: Exception) -> None:
        self.failed += 1
        self.first_error = self.first_error or described(error)

    def flush(self) -> None:
        """Wait until each record sent is delivered, or has failed, or the deadline has passed."""
        try:
            self._client.flush(timeout=DELIVERY_TIMEOUT_MS / 1000)
        except KafkaError as error:
            self.first_error = self.first_error or described(error)

    def finish(self) -> None:
        """Flush.

        Raises:
            Retriable: not everything was delivered; says how much was not, and why.
        """
        self.flush()
        missing = self.sent - self.delivered
        if missing:
            raise Retriable(
                f"{missing:,} of {self.sent:,} records were not delivered to {self._topic}: {self.first_error}"
            )


@contextmanager
def publisher(cluster: Cluster, topic: str) -> Iterator[Publisher]:
    """Connect; a block that ends well must have called `finish`.

    Raises:
        Retriable: no broker answers, or the topic is not there.
        Fatal: the settings can't work.
    """
    with cluster_errors(cluster, "connecting to Kafka"):
        client = KafkaProducer(
            **cluster.client_settings("ltv-publish"),
            acks="all",
            enable_idempotence=True,
            linger_ms=20,
            batch_size=256 * 1024,
            max_request_size=MAX_RECORD_BYTES,
            max_block_ms=BLOCK_TIMEOUT_MS,
            delivery_timeout_ms=DELIVERY_TIMEOUT_MS,
            request_timeout_ms=DELIVERY_TIMEOUT_MS // 2,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
    try:
        if not client.partitions_for(topic):
            raise Retriable(f"the topic {topic} does not exist; make it with: ltv topics create")
        yield Publisher(client, topic)
    except KafkaError as error:
        raise Retriable(
            f"{topic}: {described(error)}; is the topic there? ltv topics create makes it"
        ) from error
    finally:
        client.close(timeout=BLOCK_TIMEOUT_MS / 1000)


class _Ids(msgspec.Struct):
    type: str | None = None
    key: str | None = None
    customer_id: str | None = None


_decode_ids = msgspec.json.Decoder(_Ids).decode


def readable_key(value: bytes) -> bytes | None:
    """The customer id of a value as it stands, where one can be read, in UTF-8."""
    try:
        ids = _decode_ids(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    customer_id = ids.key if ids.type == "CUSTOMER" else ids.customer_id
    return customer_id.encode() if customer_id else None
