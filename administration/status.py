"""How an application is: its group, its partitions, its last snapshot, its dead letters, its topics; read, not asked.

Everything comes from the brokers, so it is also right where no worker runs. `problems` decides whether all is well.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from cluster.group import GroupState
from contract.errors import counted

LETTERS_WITHIN_S: Final = 3600
SILENT_WITHIN_S: Final = 10
"""A worker whose port does not answer is a problem once its oldest uncounted record is older than this."""


class PartitionStatus(Struct, frozen=True, kw_only=True):
    """One partition of the events topic."""

    partition: int
    owner: str | None
    """The instance id of the member to which it is assigned; null if it is assigned to none."""
    lifecycle: str | None
    """Restoring, running or suspended, as its worker says; null if no worker says it."""
    next_offset: int | None
    """The group's committed offset; null if it has committed none."""
    lag_records: int
    """Offsets from the first uncounted record to the end; 0 if no record is left to count."""
    behind_s: float
    """The age of the oldest uncounted record, in seconds; 0 if no record is left to count."""
    held_back_records: int
    """Offsets that can't be read yet, for a producer's transaction is open before them."""
    records_lost: bool
    """Records were deleted before they were counted."""


class SnapshotStatus(Struct, frozen=True, kw_only=True):
    """The newest snapshot."""

    sequence: int
    emitted_at: str
    age_s: float
    complete: bool
    behind_s: float | None
    blocked_s: dict[int, float] = {}
    """Partition -> for how long an open transaction has held its records back, in seconds; only where it is long."""


class TopicStatus(Struct, frozen=True, kw_only=True):
    """A topic that is not as it should be."""

    topic: str
    missing: bool
    partitions: tuple[int, int] | None = None
    """The number of partitions and the right number, if they differ."""
    settings: dict[str, tuple[str | None, str]] = {}
    """Setting -> actual and right value, where they differ."""


class Status(Struct, frozen=True, kw_only=True):
    """An application at one moment."""

    at: str
    """RFC 3339 in UTC."""
    servers: str
    events_topic: str
    prefix: str
    group: str
    members: GroupState
    partitions: list[PartitionStatus]
    newest_event_age_s: float | None
    """The age of the newest record on the events topic, by its timestamp; null if there is none."""
    snapshot: SnapshotStatus | None
    dead_letters: dict[str, int]
    """Reason -> dead letters of the last hour."""
    dead_letters_are_more: bool
    """There are more, which were not counted."""
    topics: list[TopicStatus]
    """Only those that are not as they should be."""


class StatusLimits(Struct, frozen=True, kw_only=True):
    """What counts as a problem, in seconds."""

    max_behind_s: float
    """How old the oldest uncounted record may be."""
    max_snapshot_age_s: float
    """How old the newest snapshot may be."""


def partition_status(
    partition: int,
    owner: str | None,
    *,
    lifecycle: str | None,
    next_offset: int | None,
    start: int,
    end: int,
    held_back_records: int,
    first: tuple[int, int] | None,
    now: datetime,
) -> PartitionStatus:
    """The status of one partition.

    Args:
        partition: its number.
        owner: the member to which it is assigned.
        lifecycle: what its worker says of it.
        next_offset: the group's committed offset.
        start: the partition's first offset.
        end: its end for readers of committed records.
        held_back_records: offsets behind that end.
        first: offset and timestamp (ms since 1970) of the first uncounted record; None: there is none. Transaction
            markers and aborted records are none.
        now: the time.
    """
    return PartitionStatus(
        partition=partition,
        owner=owner,
        lifecycle=lifecycle,
        next_offset=next_offset,
        lag_records=end - first[0] if first else 0,
        behind_s=max(0.0, now.timestamp() - first[1] / 1000) if first else 0.0,
        held_back_records=held_back_records,
        records_lost=next_offset is not None and next_offset < start,
    )


def topic_statuses(
    specs: Mapping[str, int],
    actual: Mapping[str, int],
    differing: Mapping[str, dict[str, tuple[str | None, str]]],
) -> list[TopicStatus]:
    """The topics that are not as they should be.

    Args:
        specs: topic -> the right number of partitions.
        actual: existing topic -> its number of partitions.
        differing: existing topic -> setting -> actual and right value, where they differ.
    """
    found = [
        TopicStatus(
            topic=topic,
            missing=topic not in actual,
            partitions=(actual[topic], right) if actual.get(topic, right) != right else None,
            settings=differing.get(topic, {}),
        )
        for topic, right in specs.items()
    ]
    return [each for each in found if each.missing or each.partitions or each.settings]


def problems(status: Status, limits: StatusLimits) -> list[str]:
    """What is wrong, in one sentence each, the cause before its consequence; none: the application is healthy."""
    found = [f"the topic {each.topic} does not exist" for each in status.topics if each.missing]
    found += [
        f"the topic {each.topic} has {each.partitions[0]} partitions and must have {each.partitions[1]}"
        for each in status.topics
        if each.partitions
    ]
    if not status.members.members:
        found.append(
            f"no consumer runs: the group {status.group} has no members; the last line of its log says why"
        )
    elif status.members.state != "Stable":
        found.append(f"the group {status.group} rebalances now ({status.members.state})")
    elif unowned := [each.partition for each in status.partitions if each.owner is None]:
        found.append(f"{_named(unowned)} assigned to no member")
    else:
        found += _silent_owners(status.partitions)
    if lost := [each.partition for each in status.partitions if each.records_lost]:
        found.append(f"{_named(lost)} short of records: they were deleted before they were counted")
    late = [each for each in status.partitions if each.behind_s > limits.max_behind_s]
    if late:
        oldest_s = max(each.behind_s for each in late)
        found.append(
            f"{_named([each.partition for each in late])} behind: the oldest uncounted record is {oldest_s:,.0f} s old"
        )
    return found + _snapshot_problems(status.snapshot, limits)


def _silent_owners(partitions: list[PartitionStatus]) -> list[str]:
    """One sentence for each member that does not answer, while another one does and its own records wait."""
    if all(each.lifecycle is None for each in partitions):
        return []  # No port can be reached from here.
    silent: dict[str, list[int]] = {}
    for each in partitions:
        if each.owner is not None and each.lifecycle is None and each.behind_s > SILENT_WITHIN_S:
            silent.setdefault(each.owner, []).append(each.partition)
    return [
        f"{_named(numbers)} not counted: {owner} does not answer; it hangs, or its port can't be reached from here"
        for owner, numbers in silent.items()
    ]


def _snapshot_problems(snapshot: SnapshotStatus | None, limits: StatusLimits) -> list[str]:
    if snapshot is None:
        return ["there is no snapshot"]
    if snapshot.age_s > limits.max_snapshot_age_s:
        return [f"the newest snapshot is {snapshot.age_s:,.0f} s old"]
    if snapshot.blocked_s:
        held_s = max(snapshot.blocked_s.values())
        return [f"{_named(sorted(snapshot.blocked_s))} held back by an open transaction for {held_s:,.0f} s"]
    return [] if snapshot.complete else ["the newest snapshot is not complete"]


def _named(numbers: list[int]) -> str:
    """The subject of a sentence, with its verb: "partition 3 is"; of very many partitions only the first."""
    if len(numbers) == 1:
        return f"partition {numbers[0]} is"
    shown = ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")
    return f"{counted(len(numbers), 'partition')} ({shown}) are"


def count_reasons(reasons: Counter[str]) -> dict[str, int]:
    """Reason -> number, the most frequent first."""
    return dict(reasons.most_common())
