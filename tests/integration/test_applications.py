"""Applications on one cluster do not disturb each other; an impossible set-up is refused with a remedy."""

from typing import Any

import pytest

from tests.integration.application import Ended, Plain, feed, figures, shop, wait_until
from tests.integration.conftest import NewApplication, NewTopic
from tests.oracle import snapshot_of


def refused(ended: Ended) -> str:
    """The one line that a process prints when it is refused."""
    assert ended.code == 1, ended.log
    assert ended.last_line.startswith("ltv: ")
    assert "Traceback" not in ended.log
    return ended.last_line


def test_two_applications_on_one_topic_do_not_disturb_each_other(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic(shop(3_000, seed=31, customers=200))
    one, other = new_application(topic), new_application(topic)
    # Both have the same instance id: it must be unique only within a group and a prefix.
    instances = [
        one.start("same", "--until-end", "--top", "3"),
        other.start("same", "--until-end", "--top", "30", "--basis", "timeframe"),
    ]
    assert [instance.wait().code for instance in instances] == [0, 0]
    one.assert_exact(x=3)
    other.assert_exact(x=30, basis="timeframe")


def test_more_rows_than_customers_list_them_all(new_topic: NewTopic, new_application: NewApplication) -> None:
    application = new_application(new_topic(shop(300, seed=32, customers=7)))
    snapshot = application.backfill("one", "--top", "100")
    assert (snapshot["x"], len(snapshot["rows"])) == (100, 7)
    application.assert_exact(x=100)


def test_a_changed_basis_is_a_new_ranking_of_the_same_state(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(1_000, seed=33)))
    application.backfill("one")
    application.backfill("one", "--basis", "timeframe")
    application.assert_exact(basis="timeframe")


def test_after_top_was_raised_a_snapshot_says_how_many_rows_are_certain_until_all_report_more(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(4_000, seed=34, customers=200), partitions=2))
    changed, unchanged = application.start("a", "--top", "10"), application.start("b", "--top", "10")
    application.wait_for_members("a", "b")
    application.wait_for_events(4_000, changed, unchanged)
    changed.stop()
    changed = application.start("a", "--top", "20")
    application.wait_for_members("a", "b")
    wait_until(lambda: '"ready"' in changed.log, "a is ready", failing=changed.failing)
    before = len(application.snapshots())
    wait_until(lambda: len(application.snapshots()) > before + 1, "another snapshot")
    snapshot = application.snapshots()[-1]
    assert (snapshot["x"], len(snapshot["rows"])) == (10, 10)
    assert figures(snapshot) == snapshot_of(application.records(), 10, "active")

    assert unchanged.stop().code == 0
    wait_until(
        lambda: application.snapshots()[-1]["x"] == 20, "a snapshot of 20 rows", failing=changed.failing
    )
    assert changed.stop().code == 0
    application.assert_exact(x=20)


def test_a_missing_events_topic_is_named_with_the_command_that_creates_it(
    new_application: NewApplication,
) -> None:
    message = refused(new_application("missing-topic").run("one", "--until-end"))
    assert "the topic missing-topic does not exist" in message
    assert "ltv topics create" in message


def test_a_changelog_with_another_partition_count_is_refused(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(partitions=3))
    plain.create_topic(f"{application.prefix}.changelog", 2)
    message = refused(application.run("one", "--until-end"))
    assert f"{application.prefix}.changelog has 2 partitions and must have 3" in message
    assert "--prefix" in message


def test_another_group_on_the_same_prefix_is_refused_and_changes_nothing(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(500, seed=35)))
    application.backfill("one")
    before = application.snapshots()
    message = refused(application.run("one", "--until-end", "--group", "intruder"))
    assert f"belongs to group '{application.group}'" in message
    assert "--prefix" in message
    assert application.snapshots() == before
    application.backfill("one")
    application.assert_exact()


def test_of_two_processes_with_one_instance_id_one_ends_and_the_other_goes_on(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic()
    application = new_application(topic)
    records = shop(5_000, seed=36)
    with feed(plain, topic, records) as send_the_rest:
        first = application.start("same")
        application.wait_for_progress(first)
        second = application.start("same")
        wait_until(lambda: first.failing() or second.failing(), "one of the two ends")
        ending, staying = (first, second) if first.failing() else (second, first)
        assert "--instance-id" in refused(ending.wait())
        send_the_rest()
        application.wait_for_events(len(records), staying)
    assert staying.stop().code == 0, staying.log
    application.assert_exact()


@pytest.mark.parametrize("option", [("--top", "0"), ("--basis", "both"), ("--commit-interval-s", "0")])
def test_settings_out_of_range_are_wrong_usage(new_application: NewApplication, option: Any) -> None:
    assert new_application("any").run("one", *option).code == 2
