"""Create missing topics, and compare existing topics with their specs. Existing topics are never changed."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError, TopicAuthorizationFailedError

from cluster.deadline import Deadline
from cluster.settings import Cluster
from contract.errors import Fatal, Retriable, counted
from contract.topics import TopicSpec

TIMEOUT_S: Final = 30.0


def ensure_topics(admin: Any, specs: Sequence[TopicSpec], replication_factor: int = -1) -> set[str]:
    """Create the missing topics and wait until the cluster shows them; returns the names of the created topics.

    Args:
        admin: a kafka-python `KafkaAdminClient`.
        specs: the required topics.
        replication_factor: for new topics; -1 is the broker's default.

    Raises:
        Fatal: a topic has another number of partitions. If it existed before the call, nothing was created.
        Retriable: the cluster does not show a new topic in time.
        kafka.errors.KafkaError: the cluster answered with this error.
    """
    created = set()
    names = [spec.name for spec in specs]
    existing = partitions_of(admin, names)
    _refuse_other_partition_counts(existing, specs)
    for spec in specs:
        if spec.name not in existing:
            new = NewTopic(spec.name, spec.partitions, replication_factor, topic_configs=spec.settings)
            try:
                admin.create_topics([new], timeout_ms=int(TIMEOUT_S * 1000))
                created.add(spec.name)
            except TopicAlreadyExistsError:
                pass  # Another process created the topic meanwhile; it is checked below.
            except TopicAuthorizationFailedError:
                raise TopicAuthorizationFailedError(f"creating {spec.name}") from None
    deadline = Deadline(TIMEOUT_S)
    while len(existing) < len(specs):
        if deadline.is_over:
            absent = ", ".join(name for name in names if name not in existing)
            raise Retriable(f"the cluster does not show {absent} within {TIMEOUT_S:.0f} s of its creation")
        time.sleep(0.05)
        existing = partitions_of(admin, names)
    _refuse_other_partition_counts(existing, specs)
    return created


def _refuse_other_partition_counts(existing: Mapping[str, int], specs: Sequence[TopicSpec]) -> None:
    for spec in specs:
        if existing.get(spec.name, spec.partitions) != spec.partitions:
            raise Fatal(
                f"{spec.name} has {counted(existing[spec.name], 'partition')} and must have {spec.partitions}: another "
                "number would assign customers to partitions without their history. Use a new --prefix and --group "
                "to count the events from the start"
            )


def differing_settings(
    admin: Any, specs: Sequence[TopicSpec]
) -> dict[str, dict[str, tuple[str | None, str]]]:
    """Topic -> setting -> (actual value, required value), where the two differ."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in specs]
    described = admin.describe_configs(resources, config_filter="all")["topic"]
    differing = {}
    for spec in specs:
        actual = {name: setting["value"] for name, setting in described[spec.name].items()}
        differing[spec.name] = {
            name: (actual.get(name), value)
            for name, value in spec.settings.items()
            if set((actual.get(name) or "").split(",")) != set(value.split(","))
        }
    return differing


def set_topic_settings(admin: Any, topic: str, settings: Mapping[str, str]) -> None:
    """Change these settings of a topic, and no others.

    Raises:
        Fatal: the cluster refuses the change.
        kafka.errors.KafkaError: the cluster does not answer.
    """
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict(settings))
    answer = admin.alter_configs([resource], incremental=True)["topic"][topic]
    if answer != "OK":
        raise Fatal(f"the settings of {topic} can't be changed: {answer}")


def partitions_of(admin: Any, names: Sequence[str]) -> dict[str, int]:
    """Topic -> its number of partitions; only topics that exist and whose partitions all have a leader."""
    return {
        topic["name"]: len(topic["partitions"])
        for topic in admin.describe_topics(list(names))
        if topic["partitions"] and all(partition["leader_id"] >= 0 for partition in topic["partitions"])
    }


def max_message_bytes(cluster: Cluster, topic: str) -> int | None:
    """The largest record batch (bytes) that a topic accepts; None if it is missing or this user may not describe it.

    Raises:
        kafka.errors.KafkaError: no broker answers, or it refuses the settings.
    """
    admin = KafkaAdminClient(**cluster.client_settings("ltv-topic-limit"))
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        settings = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    finally:
        admin.close()
    # If the broker answers with an error, kafka-python returns no settings.
    return int(settings["max.message.bytes"]["value"]) if settings else None
