"""What `ltv status` calls a problem, and that it fits on a narrow screen."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from administration.status import (
    PartitionStatus,
    SnapshotStatus,
    Status,
    StatusLimits,
    TopicStatus,
    partition_status,
    problems,
    topic_statuses,
)
from cluster.group import GroupMember, GroupState
from ltv.commands.status import DEFAULT_MAX_BEHIND_S, DEFAULT_MAX_SNAPSHOT_AGE_S
from ltv.console.status_view import StatusView

LIMITS = StatusLimits(max_behind_s=60, max_snapshot_age_s=60)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SNAPSHOT = SnapshotStatus(sequence=7, emitted_at="2026-03-01T11:59:58Z", age_s=2, complete=True, behind_s=0)


def partition(
    number: int, owner: str | None = "one", behind_s: float = 0.0, *, lost: bool = False
) -> PartitionStatus:
    lag = 1_234_567_890 if behind_s else 0
    return PartitionStatus(
        partition=number,
        owner=owner,
        lifecycle="running" if owner else None,
        next_offset=10**11,
        lag_records=lag,
        behind_s=behind_s,
        held_back_records=0,
        records_lost=lost,
    )


HEALTHY = Status(
    at="2026-03-01T12:00:00Z",
    servers="localhost:9092",
    events_topic="ltv.events",
    prefix="ltv",
    group="ltv",
    members=GroupState(
        state="Stable", members=[GroupMember(instance_id="one", host="10.0.0.1", partitions=[0, 1])]
    ),
    partitions=[partition(0), partition(1)],
    newest_event_age_s=3.0,
    snapshot=SNAPSHOT,
    dead_letters={"wrong_key": 3},
    dead_letters_are_more=False,
    topics=[TopicStatus(topic="ltv.snapshots", missing=False, settings={"retention.ms": ("1", "2")})],
)


def test_dead_letters_and_settings_that_differ_are_no_problem_by_themselves() -> None:
    assert problems(HEALTHY, LIMITS) == []


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        (
            replace(HEALTHY, members=GroupState(state="Empty", members=[])),
            "the last line of its log says why",
        ),
        (
            replace(HEALTHY, members=GroupState(state="PreparingRebalance", members=HEALTHY.members.members)),
            "rebalances now",
        ),
        (
            replace(HEALTHY, partitions=[partition(0), partition(1, None)]),
            "partition 1 is assigned to no member",
        ),
        (
            replace(HEALTHY, partitions=[partition(0, behind_s=61)]),
            "partition 0 is behind: the oldest uncounted",
        ),
        (replace(HEALTHY, partitions=[partition(0, lost=True)]), "deleted before they were counted"),
        (replace(HEALTHY, snapshot=None), "there is no snapshot"),
        (replace(HEALTHY, snapshot=replace(SNAPSHOT, age_s=61)), "the newest snapshot is 61 s old"),
        (replace(HEALTHY, snapshot=replace(SNAPSHOT, complete=False)), "the newest snapshot is not complete"),
        (
            replace(HEALTHY, snapshot=replace(SNAPSHOT, complete=False, blocked_s={0: 61.0, 2: 63.0})),
            "2 partitions (0, 2) are held back by an open transaction for 63 s",
        ),
        (
            replace(HEALTHY, topics=[TopicStatus(topic="ltv.partials", missing=True)]),
            "the topic ltv.partials does not exist",
        ),
        (
            replace(HEALTHY, topics=[TopicStatus(topic="t", missing=False, partitions=(3, 4))]),
            "the topic t has 3 partitions and must have 4",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_each_fault_is_one_problem(status: Status, problem: str) -> None:
    found = problems(status, LIMITS)
    assert len(found) == 1
    assert problem in found[0]


def silent(number: int, behind_s: float) -> PartitionStatus:
    return replace(partition(number, behind_s=behind_s), lifecycle=None)


def test_a_worker_that_does_not_answer_is_named_once_with_its_partitions() -> None:
    status = replace(HEALTHY, partitions=[silent(0, 11), silent(1, 11), partition(2, "two", 11)])
    assert problems(status, LIMITS) == [
        "2 partitions (0, 1) are not counted: one does not answer; it hangs, or its port can't be reached from here"
    ]


@pytest.mark.parametrize(
    "partitions",
    [
        pytest.param([silent(0, 10), partition(1, "two")], id="little waits"),
        pytest.param([silent(0, 11), silent(1, 11)], id="no port can be reached"),
    ],
)
def test_a_worker_that_does_not_answer_may_be_no_problem(partitions: list[PartitionStatus]) -> None:
    assert problems(replace(HEALTHY, partitions=partitions), LIMITS) == []


def test_an_age_at_its_limit_is_no_problem() -> None:
    status = replace(HEALTHY, partitions=[partition(0, behind_s=60)], snapshot=replace(SNAPSHOT, age_s=60))
    assert problems(status, LIMITS) == []


def test_a_partition_lags_only_behind_records_that_a_reader_gets() -> None:
    """Behind markers and aborted records there is no first uncounted record."""
    about = {
        "lifecycle": "running",
        "next_offset": 5,
        "start": 0,
        "end": 9,
        "held_back_records": 0,
        "now": NOW,
    }
    idle = partition_status(0, "one", first=None, **about)  # type: ignore[arg-type]  # The values differ in type.
    assert (idle.lag_records, idle.behind_s) == (0, 0.0)
    at_ms = int(NOW.timestamp() * 1000) - 3_000
    late = partition_status(0, "one", first=(6, at_ms), **about)  # type: ignore[arg-type]
    assert (late.lag_records, late.behind_s) == (3, 3.0)


def test_a_committed_offset_before_the_first_record_means_lost_records() -> None:
    for committed, is_lost in ((4, True), (None, False)):
        found = partition_status(
            0,
            None,
            lifecycle=None,
            next_offset=committed,
            start=5,
            end=5,
            held_back_records=0,
            first=None,
            now=NOW,
        )
        assert found.records_lost == is_lost


def test_only_topics_that_are_not_as_they_should_be_are_named() -> None:
    found = topic_statuses(
        {"a": 1, "b": 2, "c": 3, "d": 4}, {"a": 1, "b": 9, "c": 3}, {"c": {"cleanup.policy": ("x", "y")}}
    )
    assert found == [
        TopicStatus(topic="b", missing=False, partitions=(9, 2)),
        TopicStatus(topic="c", missing=False, settings={"cleanup.policy": ("x", "y")}),
        TopicStatus(topic="d", missing=True),
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_screen_fits_its_width_and_hides_no_partition_that_is_behind(width: int) -> None:
    many = [partition(number, "a-host-with-a-long-name.example-0") for number in range(100)]
    many[77] = partition(77, "another-host.example-1", behind_s=4_000)
    status = replace(HEALTHY, partitions=many)
    console = Console(file=StringIO(), width=width, force_terminal=False)
    with console.capture() as shown:
        console.print(StatusView(status, problems(status, LIMITS)))
    lines = shown.get().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert [line for line in lines if line.split()[:1] == ["77"] and "1,234,567,890" in line]
    assert "and 88 partitions less far behind" in shown.get()
    assert len(lines) < 60


def test_the_document_has_the_limits_that_the_command_has() -> None:
    text = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
    assert f"`--max-behind-s` ({DEFAULT_MAX_BEHIND_S:g})" in text
    assert f"`--max-snapshot-age-s` ({DEFAULT_MAX_SNAPSHOT_AGE_S:g})" in text


def test_the_screen_has_the_state_of_each_partition_and_a_dash_where_no_worker_says_it() -> None:
    status = replace(HEALTHY, partitions=[replace(partition(0), lifecycle="restoring"), partition(1, None)])
    console = Console(file=StringIO(), width=80, force_terminal=False)
    with console.capture() as captured:
        console.print(StatusView(status, []))
    first, second = [
        line.split() for line in captured.get().splitlines() if " one " in line or " none " in line
    ]
    assert (first[:3], second[:3]) == (["0", "one", "restoring"], ["1", "none", "-"])
