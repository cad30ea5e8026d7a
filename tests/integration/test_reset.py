"""`ltv reset` forgets state and position together; a replay gives the same figures; a running group is left alone."""

import json
import signal
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from tests.integration.application import Application, assert_series, figures, shop, wait_until
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.rubbish import RUBBISH
from tests.oracle import Record, snapshot_of

SMALL = [(key, value) for key, value, _ in RUBBISH if len(value or b"") < 1_000]


@pytest.fixture
def consumed(new_topic: NewTopic, new_application: NewApplication) -> Application:
    application = new_application(new_topic(shop(800, seed=91) + SMALL))
    application.backfill()
    return application


def last_snapshot(application: Application) -> Any:
    return application.snapshots()[-1]


def test_a_replay_from_earliest_comes_to_the_same_figures(consumed: Application) -> None:
    before = last_snapshot(consumed)
    ended = consumed.run_command("reset", "--to-earliest", "--yes", "--json")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["counted"] == len(consumed.records())
    after = consumed.backfill()
    assert figures(after) == figures(before)
    assert figures(after) == snapshot_of(consumed.records(), 10, "active")
    sequences = [snapshot["sequence"] for snapshot in consumed.snapshots()]
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(consumed.dead_letters()) == 2 * before["totals"]["dead_letters"]


def test_events_that_come_after_a_reset_are_counted_once(consumed: Application) -> None:
    assert consumed.run_command("reset", "--to-earliest", "--yes").returncode == 0
    consumed.plain.send(consumed.events, shop(200, seed=92))
    assert figures(consumed.backfill()) == snapshot_of(consumed.records(), 10, "active")
    assert figures(consumed.backfill()) == snapshot_of(consumed.records(), 10, "active")


def test_no_snapshot_after_a_reset_counts_what_was_forgotten(consumed: Application) -> None:
    """Partials of the former count would, until their partitions have come as far again."""
    reset_after = last_snapshot(consumed)["sequence"]
    assert consumed.run_command("reset", "--to-earliest", "--yes").returncode == 0
    consumed.backfill("one", "--commit-interval-s", "0.05", "--snapshot-interval-s", "0.05")
    since = [each for each in consumed.snapshots() if each["sequence"] > reset_after]
    totals = [each["totals"]["events"] for each in since]
    assert totals == sorted(totals)


def test_a_reset_is_refused_while_a_consumer_runs_and_changes_nothing(consumed: Application) -> None:
    instance = consumed.start("one")
    consumed.wait_for_members("one")
    refused = consumed.run_command("reset", "--to-earliest", "--yes")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "has members: one-0 on" in refused.stderr
    consumed.plain.send(consumed.events, shop(50, seed=93))
    consumed.wait_for_events(len(consumed.records()), instance)
    instance.stop()
    assert_series(consumed.snapshots())


@pytest.mark.parametrize("arguments", [("--to-earliest", "--dry-run"), ("--to-earliest",)], ids=" ".join)
def test_without_a_yes_nothing_is_changed(consumed: Application, arguments: tuple[str, ...]) -> None:
    before = last_snapshot(consumed)
    ended = consumed.run_command("reset", *arguments)
    assert ended.returncode == (0 if "--dry-run" in arguments else 1)
    assert "the next consumer counts" in ended.stdout
    assert figures(consumed.backfill()) == figures(before)
    consumed.assert_exact()


class Divided(NamedTuple):
    """An application that has counted all records of its topic, and those written since a time."""

    application: Application
    time: str
    since: list[Record]


@pytest.fixture
def divided(new_topic: NewTopic, new_application: NewApplication) -> Divided:
    topic = new_topic(shop(400, seed=94) + SMALL)
    application = new_application(topic)
    ends = {number: end for number, (_, end) in application.plain.bounds(topic).items()}
    time_ms = max(record.timestamp for record in application.plain.read(topic)) + 1
    wait_until(lambda: time.time() * 1000 > time_ms, "a later time")
    application.plain.send(topic, shop(300, seed=95) + SMALL[:5])
    application.backfill()
    since = [each for each in application.records() if each.offset >= ends[each.partition]]
    at = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return Divided(application, at, since)


def test_a_reset_to_a_time_counts_what_was_written_since_and_nothing_else(divided: Divided) -> None:
    application, words = divided.application, ("--to-time", divided.time, "--json")
    number = len(application.records())
    planned = application.run_command("reset", *words, "--dry-run")
    done = application.run_command("reset", *words, "--yes")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan == {**json.loads(planned.stdout), "dry_run": False}
    assert (plan["to_count"], plan["left_out"]) == (len(divided.since), number - len(divided.since))
    assert figures(application.backfill()) == snapshot_of(divided.since, 10, "active")
    new = shop(100, seed=96)
    application.plain.send(application.events, new)
    known = {each[:2] for each in divided.since}
    counted_from = {number: min(offset for n, offset in known if n == number) for number, _ in known}
    since = [each for each in application.records() if each.offset >= counted_from[each.partition]]
    assert len(since) == len(known) + len(new)
    assert figures(application.backfill()) == snapshot_of(since, 10, "active")


FORMER, NEW = "former", "new"


@pytest.mark.parametrize(
    ("point", "state"),
    [
        ("send:1", FORMER),
        ("send:4", FORMER),
        ("before_commit:1", FORMER),
        ("in_flight:1", None),
        ("after_commit:1", NEW),
        ("after_commit:2", NEW),
    ],
)
def test_a_reset_that_is_killed_leaves_the_former_state_or_the_new_one(
    divided: Divided, point: str, state: str | None
) -> None:
    """The records since the time are not all records, so a mixture of both states would be neither."""
    application, words = divided.application, ("--to-time", divided.time, "--yes")
    expected = {
        FORMER: snapshot_of(application.records(), 10, "active"),
        NEW: snapshot_of(divided.since, 10, "active"),
    }
    killed = application.run_command("reset", *words, LTV_TEST_FAULT_AT=f"{point}:SIGKILL")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    found = figures(application.backfill())
    assert found in ([expected[state]] if state else list(expected.values()))
    assert application.run_command("reset", *words).returncode == 0
    assert figures(application.backfill()) == expected[NEW]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give one of them"),
        (("--to-earliest", "--to-time", "2026-01-01"), "give one of them"),
        (("--to-time", "soon"), "is not a time"),
        (("--to-time", "9999-01-01"), "is in the future"),
    ],
    ids=str,
)
def test_a_place_that_is_missing_or_wrong_is_refused(
    new_topic: NewTopic, new_application: NewApplication, words: tuple[str, ...], said: str
) -> None:
    ended = new_application(new_topic(partitions=1)).run_command("reset", *words, "--yes")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr


def test_a_prefix_without_state_is_named(new_topic: NewTopic, new_application: NewApplication) -> None:
    ended = new_application(new_topic(partitions=1)).run_command("reset", "--to-earliest", "--yes")
    assert ended.returncode == 1
    assert "there is nothing to reset" in ended.stderr
