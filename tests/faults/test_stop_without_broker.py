"""SIGTERM while the broker is dead or frozen: each command ends by itself, before those who stop it lose patience."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.error import URLError

import psutil
import pytest

from broker.embedded import EmbeddedBroker
from broker.readiness import free_port
from ltv.exit_codes import STOPPED
from tests.faults.brokers import one_node
from tests.faults.harness import LTV, Application, Process, application
from tests.faults.test_broker import metric
from tests.waiting import wait_until

PATIENCE_S = 20
"""Each ends within 8 s, on an idle machine; without a deadline of its own, when its calls to Kafka end."""


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with one_node() as broker:
        yield broker


@pytest.fixture
def app(broker: EmbeddedBroker, tmp_path: Path, seed: int) -> Iterator[Application]:
    with application(broker.bootstrap_servers, tmp_path, seed) as made:
        yield made


@pytest.fixture
def port() -> int:
    """The port of the simulated shop's metrics."""
    return free_port()


@pytest.fixture
def others(
    app: Application, broker: EmbeddedBroker, tmp_path: Path, port: int
) -> Iterator[dict[str, Process]]:
    """A simulated shop, and a dashboard."""
    commands = {
        "produce": ["produce", "--rate", "500", "--events-topic", app.events, "--metrics-port", str(port)],
        "dashboard": ["dashboard", "--port", "0", "--prefix", app.prefix],
    }
    environment = {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers}
    running = {
        name: Process([*LTV, *words], environment, tmp_path / f"{name}.log")
        for name, words in commands.items()
    }
    yield running
    for process in running.values():
        process.close()


@contextmanager
def frozen(broker: EmbeddedBroker) -> Iterator[None]:
    """The broker's connections stay open in this block, and nothing answers."""
    children = psutil.Process().children(recursive=True)
    processes = [each for each in children if Path(each.cwd()) == broker.data_dir]
    assert processes
    for each in processes:
        each.suspend()
    try:
        yield
    finally:
        for each in processes:
            each.resume()


@contextmanager
def dead(broker: EmbeddedBroker) -> Iterator[None]:
    """The broker does not run in this block."""
    broker.kill()
    try:
        yield
    finally:
        broker.start()


@pytest.mark.parametrize("fault", [frozen, pytest.param(dead, marks=pytest.mark.faults_full)])
def test_a_command_that_is_stopped_while_the_broker_does_not_answer_ends_with_its_exit_code(
    app: Application,
    broker: EmbeddedBroker,
    others: dict[str, Process],
    port: int,
    fault: Callable[[EmbeddedBroker], AbstractContextManager[None]],
) -> None:
    running = {"one": app.start("one"), "two": app.start("two", "--workers", "2"), **others}
    wait_until(lambda: app.cluster.members(app.group) == ["one-0", "two-0", "two-1"], "three members")
    app.wait_for_more(*running.values())
    others["dashboard"].wait_for_log('"live"')
    with fault(broker):
        wait_until(
            lambda: metric(port, "ltv_publisher_sent_total") > metric(port, "ltv_publisher_delivered_total"),
            "records in flight",
        )
        for process in running.values():
            process.send(signal.SIGTERM)
        ended = {name: process.wait(PATIENCE_S) for name, process in running.items()}
    codes = {name: each.code for name, each in ended.items()}
    assert codes == {"one": 0, "two": 0, "dashboard": 0, "produce": 1}
    assert "not delivered to" in ended["produce"].last_line
    assert "killed" not in ended["two"].log


EVENTS: Final = b"".join(
    json.dumps(
        {
            "type": "SITE_VISIT",
            "verb": "NEW",
            "key": f"page{number}",
            "event_time": "2026-01-01T00:00:00Z",
            "customer_id": f"c{number}",
        }
    ).encode()
    + b"\n"
    for number in range(20)
)
"""Few enough bytes that a pipe takes all or nothing."""


@pytest.mark.parametrize("fault", [frozen, pytest.param(dead, marks=pytest.mark.faults_full)])
def test_a_publish_that_is_stopped_while_the_broker_does_not_answer_says_how_many_events_are_not_delivered(
    app: Application,
    broker: EmbeddedBroker,
    tmp_path: Path,
    port: int,
    fault: Callable[[EmbeddedBroker], AbstractContextManager[None]],
) -> None:
    pipe = tmp_path / "events"
    os.mkfifo(pipe)
    feed = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    publish = Process(
        [*LTV, "publish", str(pipe), "--events-topic", app.events, "--metrics-port", str(port)],
        {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers},
        tmp_path / "publish.log",
    )

    def fed(name: str) -> float:
        with suppress(BlockingIOError):
            for _ in range(100):
                os.write(feed, EVENTS)
        with suppress(URLError):
            return metric(port, name)
        return 0.0

    try:
        wait_until(lambda: fed("ltv_publisher_delivered_total") > 0, "delivered events")
        with fault(broker):
            wait_until(
                lambda: fed("ltv_publisher_sent_total") > metric(port, "ltv_publisher_delivered_total"),
                "records in flight",
            )
            publish.send(signal.SIGINT)
            ended = publish.wait(PATIENCE_S)
    finally:
        publish.close()
        os.close(feed)
    assert ended.code == STOPPED
    assert re.search(r"stopped: [\d,]+ events? delivered to \S+, [1-9][\d,]* not delivered, ", ended.log)
