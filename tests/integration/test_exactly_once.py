"""Whichever workers join, leave or are killed, every figure is exact, and no snapshot is missing or repeated."""

import random

from tests.integration.application import Keyed, Plain, feed, figures, shop, wait_until
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.rubbish import RUBBISH


def mixed(count: int, seed: int) -> list[Keyed]:
    """A shop's events with rubbish among them."""
    records = shop(count, seed=seed) + [
        (key, value) for key, value, _ in RUBBISH if len(value or b"") < 1_000
    ]
    random.Random(seed).shuffle(records)
    return records


def test_a_worker_killed_in_mid_stream_again_and_again_goes_on_exactly(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic()
    application = new_application(topic)
    records = mixed(20_000, seed=11)
    with feed(plain, topic, records) as send_the_rest:
        for _ in range(4):
            instance = application.start("one")
            application.wait_for_progress(instance)
            instance.kill()
        send_the_rest()
    application.backfill("one")
    application.assert_exact()


def test_other_workers_take_over_from_a_killed_worker(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic()
    application = new_application(topic)
    records = mixed(5_000, seed=12)
    timeouts = ("--session-timeout-s", "6", "--transaction-timeout-s", "5")
    with feed(plain, topic, records) as send_the_rest:
        dying, living = application.start("dying", *timeouts), application.start("living", *timeouts)
        application.wait_for_members("dying", "living")
        application.wait_for_progress(dying, living)
        dying.kill()
        application.wait_for_members("living")
        send_the_rest()
        application.wait_for_events(len(records), living)
    assert living.stop().code == 0, living.log
    application.assert_exact()


def test_a_parent_restarts_a_killed_worker(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic()
    application = new_application(topic)
    records = mixed(10_000, seed=13)
    with feed(plain, topic, records) as send_the_rest:
        parent = application.start("one", "--workers", "2")
        application.wait_for_progress(parent)
        before = parent.workers()
        before[0].kill()
        wait_until(
            lambda: len(parent.workers()) == 2 and before[0] not in parent.workers(),
            "a worker in place of the killed one",
            failing=parent.failing,
        )
        application.wait_for_progress(parent)
        send_the_rest()
        application.wait_for_events(len(records), parent)
    assert parent.stop().code == 0, parent.log
    assert "worker died" in parent.log
    assert plain.members(application.group) == []
    application.assert_exact()


def test_a_restart_restores_the_same_state_and_a_stop_leaves_no_member(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    records = mixed(3_000, seed=14)
    application = new_application(new_topic(records))
    instance = application.start("one")
    application.wait_for_events(len(records), instance)
    assert instance.stop().code == 0, instance.log
    assert plain.members(application.group) == []
    before = application.snapshots()
    application.backfill("one")
    after = application.snapshots()[len(before)]
    assert after["sequence"] == before[-1]["sequence"] + 1
    assert figures(after) == figures(before[-1])
    application.assert_exact()


def test_another_instance_restores_the_state_of_the_first(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(mixed(1_000, seed=15)))
    first = application.backfill("one")
    assert figures(application.backfill("other")) == figures(first)
    application.assert_exact()
