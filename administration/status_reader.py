"""Reads the status of an application from the brokers."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from administration.partition_states import partition_states
from administration.status import (
    LETTERS_WITHIN_S,
    PartitionStatus,
    SnapshotStatus,
    Status,
    TopicStatus,
    count_reasons,
    partition_status,
    topic_statuses,
)
from cluster.fetched import Record
from cluster.group import GroupState, committed_offsets, describe_group
from cluster.log_reader import LogReader
from cluster.topic_setup import differing_settings, partitions_of
from contract.dead_letters import REASON
from contract.topics import Topics
from subscriber.feed import newest_snapshot
from subscriber.owners import Owners
from subscriber.presentation import age

LOOK_TIMEOUT_S: Final = 10.0
MAX_LETTERS: Final = 10_000
"""How many dead letters are counted: of a flood, its size is not worth a long wait."""


def read_status(
    reader: LogReader, admin: Any, topics: Topics, group: str, retention_days: float, now: datetime
) -> Status:
    """The application's status.

    Args:
        reader: of the cluster.
        admin: a kafka-python `KafkaAdminClient`.
        topics: the topics' names.
        group: the consumer group.
        retention_days: how long snapshots should be kept.
        now: the time.

    Raises:
        Retriable: the brokers do not answer.
        Fatal: this user may not look.
    """
    members = describe_group(admin, group, topics.events)
    numbers = reader.partitions(topics.events) if reader.exists(topics.events) else []
    newest_ms = reader.newest_timestamp(topics.events, numbers)
    letters, are_more = _recent_letters(reader, topics, now)
    return Status(
        at=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        servers=reader.servers,
        events_topic=topics.events,
        prefix=topics.prefix,
        group=group,
        members=members,
        partitions=_partitions(reader, admin, topics, numbers, group, members, now),
        newest_event_age_s=None if newest_ms is None else max(0.0, now.timestamp() - newest_ms / 1000),
        snapshot=_snapshot(reader, topics, now),
        dead_letters=count_reasons(letters),
        dead_letters_are_more=are_more,
        topics=read_topics(admin, topics, retention_days),
    )


def read_topics(admin: Any, topics: Topics, retention_days: float) -> list[TopicStatus]:
    """The topics that are not as they should be."""
    names = [topics.events, *topics.own]
    actual = partitions_of(admin, names)
    # Without the events topic, nothing says how many partitions the others must have but themselves.
    events = actual.get(topics.events) or actual.get(topics.changelog, 1)
    specs = [topics.events_spec(events), *topics.internal_specs(events, retention_days)]
    if topics.redriven in actual:  # The first redrive creates it.
        specs.append(topics.redriven_spec())
    there = [spec for spec in specs if spec.name in actual]
    differing = differing_settings(admin, there) if there else {}
    return topic_statuses({spec.name: spec.partitions for spec in specs}, actual, differing)


def _partitions(
    reader: LogReader,
    admin: Any,
    topics: Topics,
    numbers: list[int],
    group: str,
    members: GroupState,
    now: datetime,
) -> list[PartitionStatus]:
    if not numbers:
        return []
    topic = topics.events
    owners = {number: member.instance_id for member in members.members for number in member.partitions}
    committed = committed_offsets(admin, group, topic, numbers)
    starts, both_ends = reader.starts(topic, numbers), reader.both_ends(topic, numbers, LOOK_TIMEOUT_S)
    states = _states(reader, topics, len(numbers)) if members.members else {}
    found = []
    for number in numbers:
        start, (end, high_watermark) = starts[number], both_ends[number]
        uncounted_from = max(start, committed.get(number, start))
        first = reader.first_record(topic, number, uncounted_from, end) if uncounted_from < end else None
        found.append(
            partition_status(
                number,
                owners.get(number),
                lifecycle=states.get(number),
                next_offset=committed.get(number),
                start=start,
                end=end,
                held_back_records=high_watermark - end,
                first=(first.offset, first.timestamp) if first else None,
                now=now,
            )
        )
    return found


def _states(reader: LogReader, topics: Topics, partitions: int) -> dict[int, str]:
    """Partition -> its state, as its worker says."""
    owners = Owners(reader, topics)
    owners.catch_up(partitions)
    return partition_states(each.owner for each in owners.known.values() if each.owner)


def _snapshot(reader: LogReader, topics: Topics, now: datetime) -> SnapshotStatus | None:
    received = newest_snapshot(reader, topics) if reader.exists(topics.snapshots) else None
    if received is None:
        return None
    snapshot = received.snapshot
    return SnapshotStatus(
        sequence=snapshot.sequence,
        emitted_at=snapshot.emitted_at,
        age_s=age(snapshot, now),
        complete=snapshot.coverage.complete,
        behind_s=snapshot.coverage.behind_s,
        blocked_s={each.partition: each.blocked_s for each in snapshot.coverage.partitions if each.blocked_s},
    )


def _recent_letters(reader: LogReader, topics: Topics, now: datetime) -> tuple[Counter[str], bool]:
    """The dead letters of the last hour by reason, and whether there are more than were counted."""
    found: Counter[str] = Counter()
    if not reader.exists(topics.dead_letters):
        return found, False
    since_ms = int((now.timestamp() - LETTERS_WITHIN_S) * 1000)
    for record in _letters_since(reader, topics.dead_letters, since_ms):
        if found.total() >= MAX_LETTERS:
            return found, True
        found[(dict(record.headers).get(REASON) or b"").decode(errors="replace")] += 1
    return found, False


def _letters_since(reader: LogReader, topic: str, since_ms: int) -> Iterator[Record]:
    for partition in reader.partitions(topic):
        for record in reader.newest_first(topic, partition):
            if record.timestamp < since_ms:
                break
            yield record
