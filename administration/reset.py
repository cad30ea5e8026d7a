"""Reset: forget what was counted, so that the consumer counts all events that are still on the topic from the start.

State and position are one thing: both are in the changelog, and restore goes by it. The order makes every interruption
harmless; a reset that was interrupted is run again:

1. Refuse if the group has a member. Delete the group, with its offsets: the brokers refuse while a member is there.
2. Delete the partials, by tombstones in one transaction. A consumer that started now would write them again.
3. Refuse if a member has joined meanwhile. Delete the changelog. Only this step changes what is counted.
4. Create the changelog again, empty.

The series of snapshots goes on with the next sequence. Dead letters stay; invalid events become dead letters again.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from administration.event_writer import EventWriter
from cluster.deadline import Deadline
from cluster.errors import client_errors
from cluster.group import committed_offsets, describe_group
from cluster.log_reader import LogReader
from cluster.topic_setup import ensure_topics, partitions_of
from contract.errors import Fatal, Retriable
from contract.topics import Topics

DELETED_WITHIN_S: Final = 30.0
POLL_S: Final = 0.1
DELETED: Final = {"OK", "GroupIdNotFoundError"}
"""kafka-python's answers for a group that is deleted, or was not there."""


class ResetPlan(Struct, frozen=True, kw_only=True):
    """What a reset would do to one application."""

    group: str
    events_topic: str
    changelog: str
    counted: int
    """Offsets of the events topic that the group has passed, and that are still there: they are counted again."""
    deleted_before: int
    """Offsets that the group has passed, and whose events retention has deleted: they are counted no more."""
    to_count: int
    """Offsets from the beginning of the events topic to its end."""


def plan_reset(reader: LogReader, admin: Any, topics: Topics, group: str) -> ResetPlan:
    """What a reset would do; changes nothing.

    Raises:
        Fatal: the group has members, or the events topic or the changelog does not exist.
    """
    refuse_members(admin, group, topics.events)
    if not reader.exists(topics.changelog):
        raise Fatal(
            f"there is nothing to reset: the topic {topics.changelog} does not exist; is --prefix right?"
        )
    numbers = reader.partitions(topics.events)
    committed = committed_offsets(admin, group, topics.events, numbers)
    starts, ends = reader.starts(topics.events, numbers), reader.committed_ends(topics.events, numbers)
    return ResetPlan(
        group=group,
        events_topic=topics.events,
        changelog=topics.changelog,
        counted=sum(max(0, offset - starts[number]) for number, offset in committed.items()),
        deleted_before=sum(min(offset, starts[number]) for number, offset in committed.items()),
        to_count=sum(ends[number] - starts[number] for number in numbers),
    )


def refuse_members(admin: Any, group: str, topic: str) -> None:
    """Check that no consumer of the group runs.

    Raises:
        Fatal: one does, or has been gone for less than its session timeout.
    """
    members = describe_group(admin, group, topic).members
    if members:
        names = ", ".join(f"{each.instance_id} on {each.host}" for each in members[:8])
        raise Fatal(
            f"the group {group} has members: {names}. Stop every consumer first; one that was killed is a member until "
            "its --session-timeout-s has passed"
        )


def reset_to_earliest(
    admin: Any,
    topics: Topics,
    group: str,
    retention_days: float,
    open_writer: Callable[[], EventWriter],
) -> None:
    """Do the steps of a reset.

    Args:
        admin: a kafka-python `KafkaAdminClient`.
        topics: the topics' names.
        group: the consumer group.
        retention_days: of the snapshots, for the specs of the topics.
        open_writer: connects the client that writes the tombstones.

    Raises:
        Fatal: the group has members, or this user may not do it.
        Retriable: the brokers do not answer; run the reset again.
    """
    refuse_members(admin, group, topics.events)  # 1
    _delete_group(admin, group)
    partitions = partitions_of(admin, [topics.events])[topics.events]
    _delete_partials(open_writer(), topics, partitions)  # 2
    refuse_members(admin, group, topics.events)  # 3
    with client_errors(f"deleting {topics.changelog}"):
        admin.delete_topics([topics.changelog])
    _wait_until_deleted(admin, topics.changelog)
    with client_errors(f"creating {topics.changelog}"):  # 4
        ensure_topics(admin, topics.internal_specs(partitions, retention_days))


def _delete_group(admin: Any, group: str) -> None:
    doing = f"deleting the group {group}"
    with client_errors(doing):
        answer = admin.delete_groups([group]).get(group)
    if answer not in DELETED:
        raise Retriable(f"{doing}: {answer}; nothing was changed, run the reset again")


def _delete_partials(writer: EventWriter, topics: Topics, partitions: int) -> None:
    writer.begin()
    for number in range(partitions):
        writer.send(topics.partials, 0, None, str(number).encode())
    writer.commit_sent()


def _wait_until_deleted(admin: Any, topic: str) -> None:
    deadline = Deadline(DELETED_WITHIN_S)
    while True:
        with client_errors(f"deleting {topic}"):
            if not admin.describe_topics([topic])[0]["partitions"]:
                return
        if deadline.is_over:
            raise Retriable(f"{topic} is not deleted within {DELETED_WITHIN_S:.0f} s: run the reset again")
        time.sleep(POLL_S)
