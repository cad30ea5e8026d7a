"""Reset: forget what was counted, so that the consumer counts the events on the topic from a chosen place on.

State and position are one thing: both are in the changelog, and restore goes by it. So one transaction does the reset:

1. Refuse if the group has a member. Delete the group, with its offsets: the brokers refuse while a member is there.
2. Begin a transaction. Write to each changelog partition a record that empties the state and has the new position,
   and a tombstone for each partial. A consumer that starts from now on waits for the decision before it restores.
3. Refuse if a member has joined, or has written behind these records: its state would be from before the reset.
4. Commit.
5. Delete what the changelog has before the reset's records. Nothing depends on it.

Killed before 4, the consumer goes on with the former state; afterwards, with the new one. The series of snapshots goes
on with the next sequence. Dead letters stay; invalid events become dead letters again.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from kafka import TopicPartition
from msgspec import Struct

from administration.event_writer import EventWriter
from cluster.deadline import Deadline
from cluster.errors import client_errors
from cluster.fault_points import fault_point
from cluster.group import committed_offsets, describe_group
from cluster.log_reader import LogReader
from cluster.topic_setup import ensure_topics
from contract.changelog import Position, pack_reset
from contract.errors import Fatal, Retriable
from contract.topics import Topics

LOOK_AGAIN_S: Final = 1.0
DELETED: Final = {"OK", "GroupIdNotFoundError"}
"""kafka-python's answers for a group that is deleted, or was not there."""


class ResetWriter(EventWriter, Protocol):
    """What a reset writes with: `cluster.transactional_client.TransactionalClient`."""

    def abort(self) -> None:
        """Abort the transaction."""


class ResetPlan(Struct, frozen=True, kw_only=True):
    """What a reset would do to one application."""

    group: str
    events_topic: str
    changelog: str
    positions: dict[int, int]
    """Partition of the events topic -> the offset from which its events are counted."""
    counted: int
    """Offsets of the events topic that the group has passed, and that are counted again."""
    deleted_before: int
    """Offsets that the group has passed, and whose events retention has deleted: they are counted no more."""
    left_out: int
    """Offsets that are still there, and not counted: they are from before the time."""
    to_count: int
    """Offsets from the positions to the end of the events topic."""


def plan_reset(
    reader: LogReader,
    admin: Any,
    topics: Topics,
    group: str,
    since_ms: int | None = None,
    wait_s: float = 0.0,
) -> ResetPlan:
    """What a reset would do; changes nothing.

    Args:
        reader: reads the topics.
        admin: a kafka-python `KafkaAdminClient`.
        topics: the topics' names.
        group: the consumer group.
        since_ms: count each partition from its first record on that has this timestamp (ms since 1970) or a later one;
            None: from its first record on.
        wait_s: how long to wait for the group's last member to be gone.

    Raises:
        Fatal: the group has members, or the events topic or the changelog does not exist.
    """
    refuse_members(admin, group, topics.events, wait_s)
    if not reader.exists(topics.changelog):
        raise Fatal(
            f"there is nothing to reset: the topic {topics.changelog} does not exist; is --prefix right?"
        )
    numbers = reader.partitions(topics.events)
    committed = committed_offsets(admin, group, topics.events, numbers)
    starts, ends = reader.starts(topics.events, numbers), reader.committed_ends(topics.events, numbers)
    positions = starts if since_ms is None else _positions_at(reader, topics.events, ends, since_ms)
    return ResetPlan(
        group=group,
        events_topic=topics.events,
        changelog=topics.changelog,
        positions=positions,
        counted=sum(max(0, offset - positions[number]) for number, offset in committed.items()),
        deleted_before=sum(min(offset, starts[number]) for number, offset in committed.items()),
        left_out=sum(positions[number] - starts[number] for number in numbers),
        to_count=sum(max(0, ends[number] - positions[number]) for number in numbers),
    )


def _positions_at(reader: LogReader, topic: str, ends: Mapping[int, int], since_ms: int) -> dict[int, int]:
    """Partition -> the first offset of this time or later; where there is none, the end that was known before."""
    found = {number: reader.offset_at_time(topic, number, since_ms) for number in ends}
    return {number: ends[number] if offset is None else offset for number, offset in found.items()}


def refuse_members(admin: Any, group: str, topic: str, wait_s: float = 0.0) -> None:
    """Check that no consumer of the group runs; before it refuses, look for `wait_s` seconds.

    Raises:
        Fatal: one does, or has been gone for less than its session timeout.
    """
    patience = Deadline(wait_s)
    while members := describe_group(admin, group, topic).members:
        if not patience.is_over:
            time.sleep(min(LOOK_AGAIN_S, wait_s))
            continue
        names = ", ".join(f"{each.instance_id} on {each.host}" for each in members[:8])
        raise Fatal(
            f"the group {group} has members: {names}. Stop every consumer first; one that has ended is a member until "
            "its --session-timeout-s has passed (--wait-s waits for that)"
        )


def reset(
    plan: ResetPlan,
    reader: LogReader,
    admin: Any,
    topics: Topics,
    retention_days: float,
    open_writer: Callable[[], ResetWriter],
) -> None:
    """Do the steps of a reset.

    Args:
        plan: where to.
        reader: reads the topics.
        admin: a kafka-python `KafkaAdminClient`.
        topics: the topics' names.
        retention_days: of the snapshots, for the specs of topics that are missing.
        open_writer: connects the client that writes.

    Raises:
        Fatal: the group has members, or this user may not do it.
        Retriable: the brokers do not answer; run the reset again.
    """
    refuse_members(admin, plan.group, topics.events)  # 1
    _delete_group(admin, plan.group)
    with client_errors("looking at the topics"):
        ensure_topics(admin, topics.internal_specs(len(plan.positions), retention_days))
    writer = open_writer()  # 2
    writer.begin()
    offsets = _write(writer, plan, topics, reader.topic_id(topics.events))
    try:  # 3
        refuse_members(admin, plan.group, topics.events)
        _refuse_other_writers(reader, topics.changelog, offsets)
    except (Fatal, Retriable):
        writer.abort()
        raise
    writer.commit_sent()  # 4
    with client_errors(f"the reset is done; deleting the former records of {topics.changelog}"):  # 5
        admin.delete_records({TopicPartition(topics.changelog, n): offset for n, offset in offsets.items()})
    fault_point("after_commit")


def _delete_group(admin: Any, group: str) -> None:
    doing = f"deleting the group {group}"
    with client_errors(doing):
        answer = admin.delete_groups([group]).get(group)
    if answer not in DELETED:
        raise Retriable(f"{doing}: {answer}; nothing was changed, run the reset again")


def _write(writer: ResetWriter, plan: ResetPlan, topics: Topics, topic_id: str) -> dict[int, int]:
    """Write all records of the transaction; returns the changelog's partitions with the offsets of theirs."""
    sent = {}
    for number, offset in plan.positions.items():
        position = Position(
            group=plan.group,
            topic_id=topic_id,
            next_offset=offset,
            events=0,
            dead_letters=0,
            time_min=None,
            time_max=None,
        )
        sent[number] = writer.send(topics.changelog, number, pack_reset(position))
        writer.send(topics.partials, 0, None, str(number).encode())
    return {number: writer.offset_of(each) for number, each in sent.items()}


def _refuse_other_writers(reader: LogReader, changelog: str, offsets: Mapping[int, int]) -> None:
    ends = reader.bounds(changelog, list(offsets))
    if any(ends[number][1] != offset + 1 for number, offset in offsets.items()):
        raise Fatal(
            f"something wrote to {changelog} during the reset: nothing was changed. Stop every consumer, and run it "
            "again"
        )
