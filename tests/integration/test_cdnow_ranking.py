"""CDNOW's 69,659 orders on Kafka: one instance, several workers, instances that come and go rank them exactly."""

import gzip
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.application import DEADLINE_S, Keyed, Plain, feed
from tests.integration.conftest import NewApplication, NewTopic

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


@cache
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


@pytest.mark.parametrize("basis", ["active", "timeframe"])
def test_one_instance_ranks_cdnow(cdnow: str, new_application: NewApplication, basis: str) -> None:
    application = new_application(cdnow)
    assert application.backfill("one", "--basis", basis)["totals"]["events"] == CDNOW_EVENTS
    application.assert_exact(basis=basis)


def test_three_workers_under_one_parent_rank_cdnow(cdnow: str, new_application: NewApplication) -> None:
    application = new_application(cdnow)
    application.backfill("one", "--workers", "3", "--top", "50")
    application.assert_exact(x=50)


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
