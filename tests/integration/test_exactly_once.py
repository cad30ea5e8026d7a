"""Whoever comes, goes or is killed in mid-stream: every figure is exact, no snapshot is missing or there twice."""

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.application import DEADLINE_S, Keyed, Plain, feed, figures, shop, wait_until
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.rubbish import RUBBISH
from tests.integration.transports import both_transports

ROOT = Path(__file__).parents[2]
CDNOW_EVENTS = 69_659


@pytest.fixture(scope="module")
def cdnow(plain: Plain, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A topic that `ltv publish` has filled with CDNOW's history."""
    topic = f"cdnow-{uuid4().hex[:8]}"
    file = tmp_path_factory.mktemp("cdnow") / "cdnow.ndjson"
    plain.create_topic(topic, 4)
    for command in (
        ["ltv", "generate", "--cdnow", "-o", str(file)],
        ["ltv", "publish", str(file), "--events-topic", topic, "--bootstrap-servers", plain.servers],
    ):
        subprocess.run([sys.executable, "-m", *command], check=True, timeout=DEADLINE_S)
    return topic


def cdnow_orders() -> list[Keyed]:
    """The same history, read from its file here."""
    packed = ROOT.joinpath("producer", "data", "CDNOW_master.txt.gz").read_bytes()
    orders: list[Keyed] = []
    for number, line in enumerate(gzip.decompress(packed).decode().splitlines()[1:], 1):
        customer, day, _, dollars = line.split()
        event = {
            "type": "ORDER",
            "verb": "NEW",
            "key": str(number),
            "event_time": f"{day[:4]}-{day[4:6]}-{day[6:]}T12:00:00Z",
            "customer_id": customer,
            "total_amount": f"{dollars} USD",
        }
        orders.append((customer.encode(), json.dumps(event).encode()))
    return orders


def mixed(count: int, seed: int) -> list[Keyed]:
    """A shop's events with rubbish among them."""
    records = shop(count, seed=seed) + [
        (key, value) for key, value, _ in RUBBISH if len(value or b"") < 1_000
    ]
    random.Random(seed).shuffle(records)
    return records


@pytest.mark.parametrize("basis", ["active", "timeframe"])
def test_one_instance_ranks_cdnow(cdnow: str, new_application: NewApplication, basis: str) -> None:
    application = new_application(cdnow)
    assert application.backfill("one", "--basis", basis)["totals"]["events"] == CDNOW_EVENTS
    application.assert_exact(basis=basis)


def test_three_workers_under_one_parent_rank_cdnow(cdnow: str, new_application: NewApplication) -> None:
    application = new_application(cdnow)
    application.backfill("one", "--workers", "3", "--top", "50")
    application.assert_exact(x=50)


@both_transports
@pytest.mark.parametrize("basis", ["active", "timeframe"])
def test_instances_that_come_and_go_in_mid_stream_rank_cdnow(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication, basis: str
) -> None:
    topic = new_topic(partitions=6)
    application = new_application(topic)
    orders = cdnow_orders()
    with feed(plain, topic, orders) as send_the_rest:
        a = application.start("a", "--basis", basis)
        application.wait_for_progress(a)
        b = application.start("b", "--basis", basis)
        c = application.start("c", "--basis", basis)
        application.wait_for_members("a", "b", "c")
        application.wait_for_progress(a, b, c)
        assert a.stop().code == 0, a.log
        application.wait_for_members("b", "c")
        application.wait_for_progress(b, c)
        again = application.start("a", "--basis", basis)
        application.wait_for_members("a", "b", "c")
        application.wait_for_progress(again, b, c)
        send_the_rest()
        application.wait_for_events(len(orders), again, b, c)
    assert [instance.stop().code for instance in (again, b, c)] == [0, 0, 0]
    application.backfill("d", "--basis", basis)
    application.assert_exact(basis=basis)


@both_transports
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


@both_transports
def test_others_take_over_from_a_worker_that_was_killed_and_stays_away(
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


def test_a_parent_restarts_a_worker_that_was_killed(
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


@both_transports
def test_a_restart_restores_the_very_same_state_and_leaves_no_member_behind(
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


def test_another_instance_restores_what_the_first_one_left(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(mixed(1_000, seed=15)))
    first = application.backfill("one")
    assert figures(application.backfill("other")) == figures(first)
    application.assert_exact()
