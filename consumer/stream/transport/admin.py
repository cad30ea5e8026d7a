"""What both transports ask of the cluster in the same way, through kafka-python's admin client.

librdkafka's own admin client can't remove a member from its group, and kafka-python is always installed.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from threading import Thread
from typing import Any, Final, TypeVar

from kafka import IsolationLevel, KafkaAdminClient, OffsetSpec, TopicPartition
from kafka import errors as kafka_errors
from kafka.admin import MemberToRemove

from consumer.settings import Settings
from consumer.stream.transport import Clients, Fenced
from contract.connect import described
from contract.errors import Fatal, Retriable
from contract.provision import ensure_topics, partitions_of
from contract.refusal import refusals

_Answer = TypeVar("_Answer")

CALL_TIMEOUT_MS: Final = 30_000
TOPIC_PATIENCE_S: Final = 3.0
TOPIC_POLL_S: Final = 0.2

_FENCED: Final = (kafka_errors.ProducerFencedError, kafka_errors.InvalidProducerEpochError)
_FATAL: Final = (
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedVersionError,
    kafka_errors.UnsupportedCodecError,
    kafka_errors.KafkaConfigurationError,
    kafka_errors.MessageSizeTooLargeError,
)

RIGHTS: Final = (
    "its user needs ACLs: read on the events topic and the group; read, write, create, delete and describe configs on "
    "the prefix's topics; write on the transactional ids that begin with the prefix"
)


@contextmanager
def cluster_errors(doing: str) -> Iterator[None]:
    """Sort what kafka-python raises into what can be tried again and what can't."""
    try:
        yield
    except kafka_errors.FencedInstanceIdError:
        raise Fatal(fenced_instance(doing)) from None
    except kafka_errors.OffsetOutOfRangeError as error:
        raise Fatal(records_gone(doing, str(error))) from error
    except kafka_errors.KafkaError as error:
        # A producer that has failed answers every further call with an error that only carries the first one.
        causes = (error, *error.args)
        if any(isinstance(each, kafka_errors.AuthorizationError) for each in causes):
            raise Fatal(f"{doing}: {described(error)}; {RIGHTS}") from error
        if any(isinstance(each, _FATAL) for each in causes):
            raise Fatal(f"{doing}: {described(error)}") from error
        fenced = any(isinstance(each, _FENCED) for each in causes)
        raise (Fenced if fenced else Retriable)(f"{doing}: {described(error)}") from error


def _in_time(call: Callable[[], _Answer]) -> _Answer:
    """A call to kafka-python's admin client that takes no deadline: it has one for each of its requests at most."""
    answer: Future[_Answer] = Future()

    def ask() -> None:
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()
    try:
        return answer.result(CALL_TIMEOUT_MS / 1000)
    except TimeoutError:
        raise kafka_errors.KafkaTimeoutError(f"no answer within {CALL_TIMEOUT_MS} ms") from None


def fenced_instance(doing: str) -> str:
    """What to say when two processes have one instance id."""
    return (
        f"{doing}: another consumer has joined the group with the same instance id; "
        "give each process its own --instance-id"
    )


def records_gone(doing: str, said: str) -> str:
    """What to say when a position is outside its partition."""
    return (
        f"{doing}: records at the next offset are gone ({said}). If it is the events topic, its retention is "
        "shorter than the consumer's lag, or it was made anew"
    )


def stands_still(topic: str, partition: int, position: int, waited_s: float) -> str:
    """What to say when a log can't be read to its end."""
    return (
        f"{topic}-{partition}: no record within {waited_s:.0f} s at {position}: a transaction has not ended there. "
        "If it never does: the instance that wrote it ends it when it is started again; "
        "kafka-transactions.sh describe-producers and abort do so, too"
    )


def open_clients(
    settings: Settings,
    reader: Callable[[Settings], Any],
    producer: Callable[[Settings], Any],
    consumer: Callable[[Settings], Any],
) -> Clients:
    """Connect in the order that is right: the topics first, then fence a predecessor, then join the group."""
    with ExitStack() as opened:
        with refusals(settings.cluster):
            admin = opened.enter_context(closing(ClusterAdmin(settings)))
        partitions = admin.prepare_topics()
        logs = opened.enter_context(closing(reader(settings)))
        writer = opened.enter_context(closing(producer(settings)))
        writer.settle(_undecided(settings, logs, partitions))
        clients = Clients(
            reader=logs,
            producer=writer,
            consumer=opened.enter_context(closing(consumer(settings))),
            admin=admin,
            partitions=partitions,
        )
        opened.pop_all()
    return clients


def _undecided(settings: Settings, logs: "LogOffsets", partitions: int) -> list[tuple[str, int]]:
    """Our partitions with an open transaction: another instance's, mostly; seldom one that was left hanging.

    Kafka 4.3 can hang transactions: a broker that is killed and started again takes itself for the leader until its
    dead self's registration has expired, and has no leader then. A transaction that it ends meanwhile is complete for
    the coordinator, but its markers are dropped ("likely deleted already and hence can be skipped"), and readers of
    committed records wait for them for ever. A marker of the same producer's next transaction does it.
    """
    topics = settings.topics
    return logs.undecided(
        [
            *(
                TopicPartition(topic, p)
                for topic in (topics.changelog, topics.dead_letters)
                for p in range(partitions)
            ),
            *(TopicPartition(topic, 0) for topic in (topics.partials, topics.snapshots)),
        ]
    )


class ClusterAdmin:
    """The `Admin` of both transports."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = KafkaAdminClient(
            **settings.cluster.client_settings(f"{settings.transactional_id}-admin")
        )

    def prepare_topics(self) -> int:
        """Make our own topics where they are missing; returns how many partitions the events topic has."""
        topics = self._settings.topics
        with cluster_errors("looking at the topics"):
            partitions = self._partitions_of_events()
            ensure_topics(self._client, topics.internal_specs(partitions))
        return partitions

    def _partitions_of_events(self) -> int:
        """A broker that has just started may not know its topics yet, or their leaders: look for a while."""
        topic = self._settings.topics.events
        until = time.monotonic() + TOPIC_PATIENCE_S
        while True:
            partitions = partitions_of(self._client, [topic]).get(topic)
            if partitions is not None:
                return partitions
            if time.monotonic() > until:
                break
            time.sleep(TOPIC_POLL_S)
        if self._client.describe_topics([topic])[0]["partitions"]:
            raise Retriable(f"a partition of {topic} has no leader: is one of the brokers down?")
        raise Fatal(f"the topic {topic} does not exist; make it with: ltv topics create")

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Delete the records before this offset."""
        with cluster_errors(f"trimming {topic}-{partition}"):
            self._client.delete_records(
                {TopicPartition(topic, partition): before_offset}, timeout_ms=CALL_TIMEOUT_MS
            )

    def leave_group(self) -> None:
        """Give up the static membership."""
        member = MemberToRemove(group_instance_id=self._settings.instance_id, reason="stopped")
        with cluster_errors("leaving the group"):
            _in_time(lambda: self._client.remove_group_members(self._settings.group, [member]))

    def close(self) -> None:
        """Give up the connections."""
        self._client.close()


class LogOffsets:
    """The part of a `LogReader` that only asks for offsets."""

    def __init__(self, settings: Settings) -> None:
        self._admin = KafkaAdminClient(
            **settings.cluster.client_settings(f"{settings.transactional_id}-offsets")
        )

    def bounds(self, topic: str, partitions: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Partition -> its first offset and its high watermark."""
        asked = [TopicPartition(topic, partition) for partition in partitions]
        starts = self._offsets(asked, OffsetSpec.EARLIEST)
        ends = self._offsets(asked, OffsetSpec.LATEST)
        return {tp.partition: (starts[tp], ends[tp]) for tp in asked}

    def committed_ends(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """Partition -> the offset up to which every transaction is decided."""
        asked = [TopicPartition(topic, partition) for partition in partitions]
        ends = self._offsets(asked, OffsetSpec.LATEST, IsolationLevel.READ_COMMITTED)
        return {tp.partition: end for tp, end in ends.items()}

    def undecided(self, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
        """Those in which a transaction is open."""
        ends = self._offsets(partitions, OffsetSpec.LATEST)
        decided = self._offsets(partitions, OffsetSpec.LATEST, IsolationLevel.READ_COMMITTED)
        return [tp for tp in partitions if decided[tp] < ends[tp]]

    def topic_id(self, topic: str) -> str:
        """What tells a topic from one of the same name that was there before."""
        with cluster_errors(f"looking at {topic}"):
            described = _in_time(lambda: self._admin.describe_topics([topic]))
        return str(described[0].get("topic_id", ""))

    def committed_offset(self, group: str, topic: str, partition: int) -> int | None:
        """The group's offset; None where it has none."""
        tp = TopicPartition(topic, partition)
        with cluster_errors(f"asking for the offsets of the group {group}"):
            found = _in_time(lambda: self._admin.list_group_offsets({group: [tp]}))[group].get(tp)
        return found.offset if found and found.offset >= 0 else None

    def _offsets(
        self,
        partitions: Sequence[TopicPartition],
        spec: Any,
        isolation: Any = IsolationLevel.READ_UNCOMMITTED,
    ) -> dict[TopicPartition, int]:
        topics = ", ".join(sorted({tp.topic for tp in partitions}))
        with cluster_errors(f"asking for the offsets of {topics}"):
            answered = self._admin.list_partition_offsets(
                dict.fromkeys(partitions, spec), isolation_level=isolation, timeout_ms=CALL_TIMEOUT_MS
            )
        return {tp: found.offset for tp, found in answered.items()}

    def close(self) -> None:
        """Give up the connections."""
        self._admin.close()
