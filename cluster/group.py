"""The consumer group as the brokers see it: its state, its members, and the offsets that it has committed."""

from collections.abc import Collection
from typing import Any, Final

from kafka import TopicPartition
from kafka import errors as kafka_errors
from msgspec import Struct

from cluster.deadline import answer_within
from cluster.errors import client_errors

CALL_TIMEOUT_S: Final = 10.0
ABSENT: Final = "Dead"
"""The state that brokers report of a group that does not exist."""


class GroupMember(Struct, frozen=True, kw_only=True):
    """One member of the group."""

    instance_id: str
    """Its stable id; its member id if it has none."""
    host: str
    partitions: list[int]
    """The partitions of the events topic that are assigned to it, in order."""


class GroupState(Struct, frozen=True, kw_only=True):
    """The group at one moment."""

    state: str
    """Kafka's name: Stable, PreparingRebalance, CompletingRebalance, Empty, or Dead if there is no such group."""
    members: list[GroupMember]


def describe_group(admin: Any, group: str, topic: str) -> GroupState:
    """The group's state and members.

    Args:
        admin: a kafka-python `KafkaAdminClient`.
        group: the name.
        topic: the events topic, whose partitions are asked for.

    Raises:
        Retriable: the brokers do not answer.
        Fatal: this user may not describe the group.
    """
    doing = f"looking at the group {group}"
    with client_errors(doing):
        try:
            found = answer_within(CALL_TIMEOUT_S, lambda: admin.describe_groups([group]), doing)[group]
        except (kafka_errors.CoordinatorNotAvailableError, kafka_errors.GroupIdNotFoundError):
            return GroupState(state=ABSENT, members=[])  # A new cluster has no coordinators yet.
    members = [
        GroupMember(
            instance_id=member["group_instance_id"] or member["member_id"],
            host=member["client_host"].lstrip("/"),
            partitions=_assigned(member, topic),
        )
        for member in found["members"]
    ]
    return GroupState(state=found["group_state"], members=sorted(members, key=lambda each: each.instance_id))


def _assigned(member: dict[str, Any], topic: str) -> list[int]:
    """The partitions of the topic; none while the group rebalances."""
    assignment = member["member_assignment"]
    assigned = assignment.get("assigned_partitions", []) if isinstance(assignment, dict) else []
    return sorted(number for each in assigned if each["topic"] == topic for number in each["partitions"])


def committed_offsets(admin: Any, group: str, topic: str, partitions: Collection[int]) -> dict[int, int]:
    """Partition -> the group's committed offset; partitions without one are left out."""
    asked = [TopicPartition(topic, number) for number in partitions]
    doing = f"asking for the offsets of the group {group}"
    with client_errors(doing):
        try:
            found = answer_within(CALL_TIMEOUT_S, lambda: admin.list_group_offsets({group: asked}), doing)
        except (kafka_errors.CoordinatorNotAvailableError, kafka_errors.GroupIdNotFoundError):
            return {}
    return {tp.partition: at.offset for tp, at in found[group].items() if at.offset >= 0}
