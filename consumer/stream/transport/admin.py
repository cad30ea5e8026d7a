"""The consumer's admin client: topics, trimming, leaving the group."""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any, Final

import structlog
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import MemberToRemove

from cluster.deadline import Deadline, answer_within
from cluster.diagnose import connecting
from cluster.errors import UNSEEN, client_errors
from cluster.log_reader import LogReader
from cluster.topic_setup import ensure_topics, partitions_of
from cluster.transactional_client import CALL_TIMEOUT_MS
from consumer.settings import Settings
from consumer.stream.transport import Clients
from contract.errors import Fatal, Retriable

log = structlog.get_logger()

TOPIC_PATIENCE_S: Final = 3.0
TOPIC_POLL_S: Final = 0.2


def open_clients(
    settings: Settings,
    producer: Callable[[Settings], Any],
    consumer: Callable[[Settings], Any],
) -> Clients:
    """Connect in this order: create missing topics, fence a predecessor, join the group."""
    with ExitStack() as opened:
        admin = opened.enter_context(closing(ClusterAdmin(settings)))
        partitions = admin.prepare_topics()
        reader = opened.enter_context(closing(_state_reader(settings)))
        writer = opened.enter_context(closing(producer(settings)))
        writer.end_open_transactions(_open_transactions(settings, reader, partitions))
        clients = Clients(
            reader=reader,
            producer=writer,
            consumer=opened.enter_context(closing(consumer(settings))),
            admin=admin,
            partitions=partitions,
        )
        opened.pop_all()
    return clients


def _state_reader(settings: Settings) -> LogReader:
    topics = settings.topics
    return LogReader(
        settings.cluster,
        f"{settings.transactional_id}-reader",
        call_timeout_s=CALL_TIMEOUT_MS / 1000,
        patience_s=settings.transaction_timeout_s + CALL_TIMEOUT_MS / 1000,
        trimmed="fail",
        topics=(topics.changelog, topics.partials, topics.snapshots),
    )


def _open_transactions(settings: Settings, reader: LogReader, partitions: int) -> list[tuple[str, int]]:
    """Our partitions with an open transaction: usually another instance's, rarely a hanging one.

    Kafka 4.3 can leave transactions hanging. A broker that is killed and restarted considers itself the leader until
    its former registration expires; then the partition has no leader for a moment. If the coordinator ends a
    transaction meanwhile, it drops the markers ("likely deleted already and hence can be skipped"), and readers of
    committed records wait for them for ever. A marker of the same producer's next transaction ends the wait.
    """
    topics = settings.topics
    return reader.open_transactions(
        [
            *((topic, p) for topic in (topics.changelog, topics.dead_letters) for p in range(partitions)),
            (topics.partials, 0),
            (topics.snapshots, 0),
        ]
    )


class ClusterAdmin:
    """The `Admin` of the consumer's clients."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        with connecting(settings.cluster):
            self._client = KafkaAdminClient(
                **settings.cluster.client_settings(f"{settings.transactional_id}-admin")
            )

    def prepare_topics(self) -> int:
        """Create our own topics if they are missing; returns the number of partitions of the events topic."""
        topics = self._settings.topics
        with client_errors("looking at the topics"):
            partitions = self._partitions_of_events()
            specs = topics.internal_specs(partitions, self._settings.snapshot_retention_days)
            if created := ensure_topics(self._client, specs):
                log.info("topics created", topics=sorted(created))
        return partitions

    def _partitions_of_events(self) -> int:
        """Ask for up to TOPIC_PATIENCE_S: a broker that has just started may not know its topics and leaders yet."""
        topic = self._settings.topics.events
        patience = Deadline(TOPIC_PATIENCE_S)
        while True:
            partitions = partitions_of(self._client, [topic]).get(topic)
            if partitions is not None:
                return partitions
            if patience.is_over:
                break
            time.sleep(TOPIC_POLL_S)
        if self._client.describe_topics([topic])[0]["partitions"]:
            raise Retriable(f"a partition of {topic} has no leader: is one of the brokers down?")
        raise Fatal(
            f"the topic {topic} does not exist; create it with: ltv topics create. If it was deleted since its events "
            f"were ingested: then ltv reset --to-earliest, or a new --prefix and --group ({UNSEEN})"
        )

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Delete the records before this offset."""
        with client_errors(f"trimming {topic}-{partition}"):
            self._client.delete_records(
                {TopicPartition(topic, partition): before_offset}, timeout_ms=CALL_TIMEOUT_MS
            )

    def leave_group(self) -> None:
        """End the static membership."""
        member = MemberToRemove(group_instance_id=self._settings.instance_id, reason="stopped")
        with client_errors("leaving the group"):
            answer_within(
                CALL_TIMEOUT_MS / 1000,
                lambda: self._client.remove_group_members(self._settings.group, [member]),
                "leaving the group",
            )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
