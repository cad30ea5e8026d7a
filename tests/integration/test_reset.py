"""`ltv reset` forgets state and position together; a replay gives the same figures; a running group is left alone."""

import json
from typing import Any

import pytest

from tests.integration.application import Application, assert_series, figures, shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.rubbish import RUBBISH
from tests.oracle import snapshot_of

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


def test_an_interrupted_reset_leaves_the_former_state_until_the_changelog_is_deleted(
    consumed: Application,
) -> None:
    """Group and partials are gone: the consumer goes on by the changelog, and the reset can be run again."""
    before = last_snapshot(consumed)
    consumed.plain.admin.delete_groups([consumed.group])
    consumed.plain.send(
        f"{consumed.prefix}.partials", [(str(n).encode(), None) for n in range(3)], partition=0
    )
    assert figures(consumed.backfill()) == figures(before)
    consumed.assert_exact()
    assert consumed.run_command("reset", "--to-earliest", "--yes").returncode == 0
    assert figures(consumed.backfill()) == figures(before)


def test_a_prefix_without_state_is_named(new_topic: NewTopic, new_application: NewApplication) -> None:
    ended = new_application(new_topic(partitions=1)).run_command("reset", "--to-earliest", "--yes")
    assert ended.returncode == 1
    assert "there is nothing to reset" in ended.stderr
