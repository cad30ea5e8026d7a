"""Make topics that are missing, and say how those that are there differ from what they must be. Never change one."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

from cluster.settings import Cluster
from contract.errors import Fatal, Retriable
from contract.topics import TopicSpec

TIMEOUT_S: Final = 30.0


def ensure_topics(admin: Any, specs: Sequence[TopicSpec], replication_factor: int = -1) -> set[str]:
    """Create what is missing and wait until the cluster shows it; returns the names of the topics created.

    Args:
        admin: a kafka-python `KafkaAdminClient`.
        specs: the topics as they must be.
        replication_factor: for new topics; -1 is the broker's default.

    Raises:
        Fatal: a topic is there with another number of partitions; nothing was created then.
        Retriable: the cluster does not show a new topic in time.
        kafka.errors.KafkaError: as the cluster answered.
    """
    created = set()
    names = [spec.name for spec in specs]
    there = partitions_of(admin, names)
    _refuse_other_numbers(there, specs)
    for spec in specs:
        if spec.name not in there:
            new = NewTopic(spec.name, spec.partitions, replication_factor, topic_configs=spec.settings)
            try:
                admin.create_topics([new], timeout_ms=int(TIMEOUT_S * 1000))
                created.add(spec.name)
            except TopicAlreadyExistsError:
                pass  # Somebody else was quicker; what they made is looked at like any other.
    deadline = time.monotonic() + TIMEOUT_S
    while len(there) < len(specs):
        if time.monotonic() > deadline:
            absent = ", ".join(name for name in names if name not in there)
            raise Retriable(f"the cluster does not show {absent} within {TIMEOUT_S:.0f} s of its creation")
        time.sleep(0.05)
        there = partitions_of(admin, names)
    _refuse_other_numbers(there, specs)
    return created


def _refuse_other_numbers(there: Mapping[str, int], specs: Sequence[TopicSpec]) -> None:
    for spec in specs:
        if there.get(spec.name, spec.partitions) != spec.partitions:
            raise Fatal(
                f"{spec.name} has {there[spec.name]} partitions and must have {spec.partitions}: another number would "
                "part customers from their history. Give this application a new --prefix and --group, "
                "and it counts the events from the start"
            )


def differing_settings(
    admin: Any, specs: Sequence[TopicSpec]
) -> dict[str, dict[str, tuple[str | None, str]]]:
    """Topic -> setting -> (what it is, what it should be), where the two differ."""
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


def partitions_of(admin: Any, names: Sequence[str]) -> dict[str, int]:
    """Topic -> its number of partitions, for those that are there, each partition with a leader."""
    return {
        topic["name"]: len(topic["partitions"])
        for topic in admin.describe_topics(list(names))
        if topic["partitions"] and all(partition["leader_id"] >= 0 for partition in topic["partitions"])
    }


def max_message_bytes(cluster: Cluster, topic: str) -> int | None:
    """The largest record batch that a topic takes; None where it is not there, or this user may not ask.

    Raises:
        kafka.errors.KafkaError: no broker answers, or it refuses the settings.
    """
    admin = KafkaAdminClient(**cluster.client_settings("ltv-topic-limit"))
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        settings = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    finally:
        admin.close()
    # Where the broker answers with an error, kafka-python gives no settings.
    return int(settings["max.message.bytes"]["value"]) if settings else None
