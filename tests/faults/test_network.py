"""The network between consumer and broker is slow, cut in one or both directions, or reset in mid-answer."""

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from broker.embedded import EmbeddedBroker
from broker.readiness import free_port
from tests.faults.brokers import proxied_node
from tests.faults.harness import Application, application
from tests.faults.invariants import hold
from tests.faults.proxy import HOST, Proxy, Way
from tests.waiting import wait_until

pytestmark = pytest.mark.faults_full

RATE: Final = 1_000
BEYOND_SESSION_S: Final = 10.0
RECOVERY_S: Final = 240.0
"""kafka-python gives up on a request after 30 s, and then a new session of ours may have to begin."""


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy


@pytest.fixture(scope="module")
def broker(proxy: Proxy) -> Iterator[EmbeddedBroker]:
    behind = free_port()
    proxy.forward_to(behind)
    with proxied_node(proxy.port, behind) as broker:
        yield broker


@pytest.fixture
def app(proxy: Proxy, broker: EmbeddedBroker, tmp_path: Path, seed: int) -> Iterator[Application]:
    with application(broker.bootstrap_servers, tmp_path, seed, through=f"{HOST}:{proxy.port}") as made:
        yield made
        proxy.delay_s = 0.0
        proxy.cut.clear()


@pytest.mark.faults_full
def test_a_slow_network_changes_no_result(app: Application, proxy: Proxy) -> None:
    proxy.delay_s = 0.05
    app.load.start(RATE)
    one = app.start()
    app.wait_for(1, one, within_s=RECOVERY_S)
    app.wait_for(app.load.stop(), one, within_s=RECOVERY_S)
    proxy.delay_s = 0.0
    hold(app)


def test_connections_reset_in_mid_answer_lose_and_double_nothing(
    app: Application, proxy: Proxy, seed: int
) -> None:
    chance = random.Random(seed)
    app.load.start(RATE)
    one = app.start()
    app.wait_for(1, one)
    for _ in range(4):
        proxy.reset_after(chance.randrange(200_000))
        wait_until(lambda: proxy.reset_done, "a connection was reset", failing=one.ended)
        app.wait_for_more(one, within_s=RECOVERY_S)
    proxy.reset_all()
    app.wait_for(app.load.stop(), one, within_s=RECOVERY_S)
    hold(app)


@pytest.mark.parametrize(
    ("ways", "seconds"),
    [
        ({"up", "down"}, 2.0),
        pytest.param({"up"}, 2.0, marks=pytest.mark.faults_full),
        pytest.param({"down"}, 2.0, marks=pytest.mark.faults_full),
        pytest.param({"up", "down"}, BEYOND_SESSION_S, marks=pytest.mark.faults_full),
        pytest.param({"up"}, BEYOND_SESSION_S, marks=pytest.mark.faults_full),
        pytest.param({"down"}, BEYOND_SESSION_S, marks=pytest.mark.faults_full),
        pytest.param({"up", "down"}, 60.0, marks=pytest.mark.faults_full),
        pytest.param({"down"}, 60.0, marks=pytest.mark.faults_full),
    ],
)
def test_a_cut_network_loses_and_doubles_nothing(
    app: Application, proxy: Proxy, seed: int, ways: set[Way], seconds: float
) -> None:
    chance = random.Random(seed)
    app.load.start(RATE)
    one = app.start()
    app.wait_for(1, one)
    for _ in range(2 if seconds < BEYOND_SESSION_S else 1):
        time.sleep(chance.uniform(0, 1))
        proxy.cut |= ways
        time.sleep(seconds)
        proxy.cut.clear()
        app.wait_for_more(one, within_s=RECOVERY_S)
    app.wait_for(app.load.stop(), one, within_s=RECOVERY_S)
    hold(app)
