"""The broker is killed and restarted with its data, at once or much later; the consumer waits, logs it, and goes on."""

import random
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.embedded import EmbeddedBroker
from broker.readiness import free_port
from tests.faults.brokers import one_node
from tests.faults.harness import POINTS, Application, application
from tests.faults.invariants import hold
from tests.waiting import wait_until

pytestmark = pytest.mark.faults_full

RATE = 2_000
AWAY_S = 120
BACK_WITHIN_S = 25
"""The limit after the broker's restart: far more than needed, and less than the deadline of a call to the cluster."""


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with one_node() as broker:
        yield broker


@pytest.fixture
def app(broker: EmbeddedBroker, tmp_path: Path, seed: int) -> Iterator[Application]:
    with application(broker.bootstrap_servers, tmp_path, seed) as made:
        yield made


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False


def metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[1]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.faults_full)])
def test_a_broker_killed_and_restarted_under_load_loses_and_doubles_nothing(
    app: Application, broker: EmbeddedBroker, seed: int, kills: int
) -> None:
    chance = random.Random(seed)
    app.load.start(RATE)
    one, two = app.start("one"), app.start("two")
    app.wait_for(1, one, two)
    for _ in range(kills):
        time.sleep(chance.uniform(0, 3))
        broker.kill()
        time.sleep(chance.uniform(0, 3))
        broker.start()
        app.wait_for_more(one, two, within_s=BACK_WITHIN_S)
    app.wait_for(app.load.stop(), one, two)
    hold(app)


@pytest.mark.parametrize("point", POINTS)
def test_a_broker_killed_and_restarted_within_a_transaction_loses_and_doubles_nothing(
    app: Application, broker: EmbeddedBroker, point: str
) -> None:
    app.load.start(RATE)
    one = app.start("one", LTV_TEST_FAULT_AT=f"{point}:20:SIGSTOP")
    wait_until(one.is_stopped, f"stopped at {point}", failing=one.ended)
    broker.kill()
    one.send(signal.SIGCONT)
    time.sleep(1)  # Lets the client notice.
    broker.start()
    app.wait_for_more(one, within_s=BACK_WITHIN_S)
    app.wait_for(app.load.stop(), one)
    hold(app)


@pytest.mark.faults_full
def test_during_a_long_outage_of_the_broker_the_consumer_waits_and_logs_it(
    app: Application, broker: EmbeddedBroker
) -> None:
    port = free_port()
    app.load.send(5_000)
    one = app.start("one", "--metrics-port", str(port))
    app.wait_for(5_000, one)
    assert is_ready(port)
    away_since = time.monotonic()
    broker.kill()
    wait_until(lambda: not is_ready(port), "not ready", failing=one.ended)
    one.wait_for_log("waiting for the cluster")
    assert metric(port, "ltv_failed_sessions_total") >= 1
    time.sleep(max(0.0, away_since + AWAY_S - time.monotonic()))
    assert not one.ended()
    assert not is_ready(port)
    broker.start()
    seconds = wait_until(lambda: is_ready(port), "ready again", failing=one.ended)
    print(f"ready {seconds:.1f} s after the broker's return")
    app.load.send(5_000)
    app.wait_for(10_000, one)
    hold(app)
