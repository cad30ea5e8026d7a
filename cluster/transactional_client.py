"""A transactional producer whose calls all have a deadline. The consumer's commits and a redrive stand on it.

Traps of kafka-python 3.0.12 that this module handles:

- Transactional calls wait without a deadline: we wait for their results ourselves, with one.
- A transactional request whose coordinator can't be reached is dropped without an answer. So `await_ready` returns
  False instead of raising; then the request is retried.
- A transaction is committed even if one of its records was not delivered in time, and is reported as committed even if
  a new epoch aborted it. So all records must be delivered before the commit is requested.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from cluster.deadline import Deadline
from cluster.errors import client_errors
from cluster.fault_points import fault_point
from cluster.settings import Cluster
from contract.dead_letters import Headers
from contract.errors import Retriable
from contract.topics import MAX_RECORD_BYTES

CALL_TIMEOUT_MS: Final = 30_000
RECONNECT_POLL_MS: Final = 50


class TransactionalClient:
    """One transaction at a time; a second client with the same transactional id fences the first."""

    def __init__(
        self,
        cluster: Cluster,
        transactional_id: str,
        transaction_timeout_s: float,
        topics: Iterable[str] = (),
    ) -> None:
        """Connect, take over the transactional id, and wait until a predecessor's transaction is decided.

        Args:
            cluster: the brokers.
            transactional_id: the name under which the brokers know the transactions.
            transaction_timeout_s: after this time the brokers abort an open transaction.
            topics: where the first records go. Each other topic's first record waits 0.1 s for its metadata.

        Raises:
            kafka.errors.KafkaError: the cluster can't be reached, or does not allow it.
        """
        self._client = KafkaProducer(
            **cluster.client_settings(transactional_id),
            transactional_id=transactional_id,
            transaction_timeout_ms=int(transaction_timeout_s * 1000),
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
        """The records of the present transaction."""
        _keep_requests(self._client)
        for topic in topics:
            self._client._sender.add_topic(topic)
        try:
            self._client.init_transactions()
        except kafka_errors.TransactionalIdAuthorizationFailedError:
            self.close()
            raise kafka_errors.TransactionalIdAuthorizationFailedError(transactional_id) from None
        except kafka_errors.KafkaError:
            self.close()
            raise

    def begin(self) -> None:
        """Start a transaction."""
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
        """Add a record; returns a handle for `offset_of`."""
        with client_errors(f"writing to {topic}-{partition}"):
            sent = self._client.send(topic, value=value, key=key, headers=headers, partition=partition)
        self._sent.append(sent)
        fault_point("send")
        return sent

    def commit_sent(self) -> None:
        """Commit the sent records, once all of them are delivered.

        Raises:
            Fenced: another client has the transactional id, or the transaction has timed out.
            Retriable: there was no answer in time; the transaction may be committed or not.
        """
        self._await_delivery()
        fault_point("before_commit")
        self._finish("committing the transaction", self._client._transaction_manager.begin_commit)
        fault_point("after_commit")

    def abort(self) -> None:
        """Abort the transaction.

        Raises:
            Retriable: there was no answer in time.
        """
        self._await_delivery()
        self._finish("aborting the transaction", self._client._transaction_manager.begin_abort)
        self._sent.clear()

    def _await_delivery(self) -> None:
        deadline = Deadline(CALL_TIMEOUT_MS / 1000)
        with client_errors("writing in a transaction"):
            for sent in self._sent:
                sent.get(timeout=deadline.left_s)

    def _finish(self, doing: str, start: Any, *arguments: Any) -> None:
        """Do the steps of kafka-python's public method, but wait with a deadline."""
        with client_errors(doing):
            result = start(*arguments)
            self._client._sender.wakeup()
            fault_point("in_flight")
            if not result.wait(timeout_ms=CALL_TIMEOUT_MS):
                raise Retriable(f"{doing}: no answer within {CALL_TIMEOUT_MS} ms")

    def offset_of(self, sent: Any) -> int:
        """The offset of a committed record; `sent` is what `send` returned."""
        with client_errors("asking for a record's offset"):
            offset: int = sent.get(timeout=CALL_TIMEOUT_MS / 1000).offset
        return offset

    def close(self) -> None:
        """Close without waiting. The next client with this id, or the timeout, aborts an open transaction."""
        self._client._sender.force_close()
        # `close` flushes first, and times out; the records belong to a transaction that will be aborted.
        with suppress(kafka_errors.KafkaTimeoutError):
            self._client.close(timeout=0)


def _keep_requests(producer: Any) -> None:
    """Make the sender retry requests whose coordinator can't be reached; it would drop them.

    The sender retries if `await_ready` returns False, but kafka-python's raises instead. Fixed in kafka-python's
    source after 3.0.12 (its pull request 3110).
    """
    client = producer._sender._client
    await_ready = client.await_ready

    def is_ready_in_time(node_id: Any, timeout_ms: float) -> bool:
        try:
            return bool(await_ready(node_id, timeout_ms=timeout_ms))
        except kafka_errors.KafkaError:
            client.poll(timeout_ms=RECONNECT_POLL_MS)  # Keeps the sender from retrying without a pause.
            return False

    client.await_ready = is_ready_in_time
