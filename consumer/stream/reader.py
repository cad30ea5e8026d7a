"""Reading a topic as an onlooker: committed records only, no consumer group, nothing is left behind.

Every call has a deadline. An end offset says nothing about records: transaction markers, aborted and
compacted records take offsets too, so the newest record is looked for by walking back from the end.
"""

import logging
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, Final, Protocol, Self, TypeVar

from kafka import KafkaConsumer, TopicPartition
from kafka import errors as kafka_errors

from contract.cluster import Cluster
from contract.errors import Fatal, Retriable

CALL_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.1
FIRST_LOOK_BACK: Final = 16
LOOK_BACK_GROWTH: Final = 4
MAX_LOOK_BACK: Final = 10_000
FETCH_BYTES: Final = 8 * 1024 * 1024

T = TypeVar("T")
_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:.%\w]+\]|[^:\s\[\]]+)(:\d{1,5})?")


class Record(Protocol):
    """What kafka-python hands out for one record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class Reader:
    """A connection for reading. Use it as a context manager."""

    def __init__(self, cluster: Cluster, *, call_timeout_s: float = CALL_TIMEOUT_S) -> None:
        """Connect.

        Raises:
            Retriable: no broker answers in time.
            Fatal: the settings can't work.
        """
        self.servers = cluster.bootstrap_servers
        _check_addresses(self.servers)
        self._timeout_s = call_timeout_s
        self._last_words = _LastWords()
        with self._last_words.listening(), self._explained():
            self._client = KafkaConsumer(
                **cluster.client_settings("ltv-reader"),
                group_id=None,
                enable_auto_commit=False,
                isolation_level="read_committed",
                auto_offset_reset="earliest",  # Where retention has overtaken us, go on with the oldest left.
                allow_auto_create_topics=False,
                fetch_max_wait_ms=int(POLL_S * 1000),
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_bytes=FETCH_BYTES,
                metrics_enabled=False,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close(autocommit=False, timeout_ms=1000)

    def exists(self, topic: str) -> bool:
        """Whether there is such a topic."""
        return bool(self._partitions(topic))

    def _partitions(self, topic: str) -> set[int]:
        found: set[int] = self._within_deadline(lambda: self._client.partitions_for_topic(topic))
        return found

    def partitions(self, topic: str) -> list[int]:
        """The topic's partitions.

        Raises:
            Fatal: there is no such topic.
        """
        found = self._partitions(topic)
        if not found:
            raise Fatal(
                f"there is no topic {topic} at {self.servers}. `ltv topics create` makes the events topic "
                "and `ltv consume` the others; is --prefix right?"
            )
        return sorted(found)

    def ends(self, topic: str, partitions: Collection[int]) -> dict[int, int]:
        """Partition -> the offset up to which every transaction is decided."""
        with self._explained():
            found = self._client.end_offsets([TopicPartition(topic, p) for p in partitions], self._timeout_ms)
        return {tp.partition: offset for tp, offset in found.items()}

    def newest(
        self, topic: str, partition: int, count: int = 1, keep: Callable[[Record], bool] = lambda record: True
    ) -> list[Record]:
        """The newest `count` records of a partition that `keep` accepts, oldest first."""
        tp = TopicPartition(topic, partition)
        with self._explained():
            begin = self._client.beginning_offsets([tp], self._timeout_ms)[tp]
            end = self._client.end_offsets([tp], self._timeout_ms)[tp]
        found: list[Record] = []
        look_back = max(FIRST_LOOK_BACK, 2 * count)
        while begin < end and len(found) < count:
            start = max(begin, end - look_back)
            found = [record for record in self._between(tp, start, end) if keep(record)] + found
            end, look_back = start, min(look_back * LOOK_BACK_GROWTH, MAX_LOOK_BACK)
        return found[-count:]

    def _between(self, tp: TopicPartition, start: int, end: int) -> Iterator[Record]:
        """The records from `start` up to, not including, `end`."""
        with self._explained():
            self._client.assign([tp])
            self._client.seek(tp, start)
        position, moved_at = start, time.monotonic()
        while position < end:
            # A poll that meets only markers returns nothing though the position moves: so polls are short.
            records = self.poll()
            yield from (record for record in records if record.offset < end)
            with self._explained():
                now_at = self._client.position(tp, self._timeout_ms) or position
            if now_at != position:
                position, moved_at = now_at, time.monotonic()
            elif time.monotonic() > moved_at + self._timeout_s:
                raise Retriable(
                    f"{tp.topic}-{tp.partition} at {self.servers}: no record at offset {position} in time"
                )

    def follow(self, positions: dict[tuple[str, int], int]) -> None:
        """From now on `poll` returns what comes to these (topic, partition), from these offsets on."""
        with self._explained():
            self._client.assign([TopicPartition(*place) for place in positions])
            for place, offset in positions.items():
                self._client.seek(TopicPartition(*place), offset)

    def poll(self, timeout_s: float = POLL_S) -> list[Record]:
        """What has come, in offset order within a partition; nothing where nothing came in time."""
        with self._explained():
            polled = self._client.poll(timeout_ms=int(timeout_s * 1000))
        return [record for records in polled.values() for record in records]

    @property
    def _timeout_ms(self) -> int:
        return int(self._timeout_s * 1000)

    def _within_deadline(self, call: Callable[[], T]) -> T:
        """For the calls of kafka-python that take no timeout: give up waiting, on a thread that may hang."""
        outcome: list[T] = []
        trouble: list[BaseException] = []

        def work() -> None:
            try:
                outcome.append(call())
            except BaseException as error:
                trouble.append(error)

        thread = Thread(target=work, daemon=True, name="ltv-reader-call")
        thread.start()
        thread.join(self._timeout_s)
        with self._explained():
            if trouble:
                raise trouble[0]
        if not outcome:
            raise Retriable(f"no answer from Kafka at {self.servers} within {self._timeout_s:.0f} s")
        return outcome[0]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """kafka-python's errors as ours, with the address and what to do."""
        try:
            yield
        except kafka_errors.KafkaTimeoutError:
            cause = f" ({self._last_words.text})" if self._last_words.text else ""
            raise Retriable(
                f"no Kafka broker answers at {self.servers}{cause}. Is it running (`ltv broker start`, "
                "docker-compose up), and is KAFKA_BOOTSTRAP_SERVERS or --bootstrap-servers right?"
            ) from None
        except kafka_errors.AuthorizationError as error:
            raise Fatal(
                f"Kafka at {self.servers} refuses: {error}. Check the user's rights (ACLs)"
            ) from error
        except kafka_errors.RetriableError as error:
            raise Retriable(f"Kafka at {self.servers}: {error}") from error
        except kafka_errors.KafkaError as error:
            raise Fatal(f"Kafka at {self.servers}: {error}") from error


def _check_addresses(servers: str) -> None:
    for server in servers.split(","):
        if not _ADDRESS.fullmatch(server.strip()):
            raise Fatal(f"{server!r} is not host:port; several brokers are separated by commas")


class _LastWords(logging.Handler):
    """The last thing kafka-python logged while connecting: its timeout error does not name the cause."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.ERROR and not text.startswith("Bootstrap"):
            self.text = text.rpartition("Connection lost: ")[2]

    @contextmanager
    def listening(self) -> Iterator[None]:
        logger = logging.getLogger("kafka")
        logger.addHandler(self)
        try:
            yield
        finally:
            logger.removeHandler(self)


def silence_client_logs() -> None:
    """kafka-python logs each failed connection; to a person at a terminal, one plain error line is enough."""
    logger: Any = logging.getLogger("kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
