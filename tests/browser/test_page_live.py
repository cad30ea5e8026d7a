"""The page against a real run: a broker, a shop, a consumer and a dashboard, of which each is taken away once."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from broker.embedded import EmbeddedBroker
from broker.readiness import free_port
from tests.browser.conftest import OpenPage
from tests.browser.page_parts import column, expect_state, rows, side
from tests.integration.application import Application, Instance, Plain
from tests.integration.test_dashboard import HOST, Dashboard
from tests.waiting import wait_until

SHOP_RATE = "300"
INTERVAL_S = "1"


class LiveRun:
    """A broker, a shop, a consumer and a dashboard."""

    def __init__(self, broker: EmbeddedBroker, application: Application, folder: Path) -> None:
        self.broker, self.application, self._folder = broker, application, folder
        self.consumer = self.start_consumer()
        self.dashboard = self._dashboard(port=0)

    def start_consumer(self) -> Instance:
        self.consumer = self.application.start(
            "one", "--snapshot-interval-s", INTERVAL_S, "--metrics-port", str(free_port())
        )
        return self.consumer

    def restart_dashboard(self) -> None:
        """Start a new one on the port of the one that was stopped."""
        self.dashboard = self._dashboard(port=self.dashboard.port)

    def _dashboard(self, port: int) -> Dashboard:
        log = self._folder / "dashboard.log"
        return Dashboard(self.broker.bootstrap_servers, self.application.prefix, log, port=port)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.dashboard.port}"

    def customer_ids(self) -> set[str]:
        """The customers whose events are on the topic."""
        with Plain(self.broker.bootstrap_servers) as plain:
            events = [json.loads(record.value) for record in plain.read(self.application.events)]
        return {event["customer_id"] for event in events if "customer_id" in event}


@contextmanager
def shop(servers: str, events: str, log: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "ltv", "produce", "--rate", SHOP_RATE, "--events-topic", events]
    environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": servers}
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRun]:
    folder = tmp_path_factory.mktemp("run")
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedBroker())
        with Plain(broker.bootstrap_servers) as plain:  # kafka-python leaks sockets while its broker is away.
            wait_until(plain.has_coordinators, "the broker's consumer group coordinators")
            plain.create_topic("events", 3)
        application = stack.enter_context(closing(Application(plain, folder, "events")))
        stack.enter_context(shop(broker.bootstrap_servers, "events", folder / "shop.log"))
        live = LiveRun(broker, application, folder)
        stack.callback(lambda: live.dashboard.close())
        live.dashboard.wait_for_sequence(3)
        yield live


def test_rows_appear_and_move_and_any_customer_opens(run: LiveRun, open_page: OpenPage) -> None:
    page = open_page(run.url)
    expect(rows(page)).to_have_count(10)
    expect_state(page, "Live", "all events counted")
    expect(page.locator("[data-move=up], [data-move=new]").first).to_be_visible()
    rows(page).first.locator("a").click()
    exact = re.compile(r"As of offset [\d,]+ of partition [012], from the worker that owns it\.")
    expect(side(page)).to_contain_text(exact)
    unranked = sorted(run.customer_ids() - set(column(page, "Customer")))[0]
    wait_until(
        lambda: run.dashboard.ask(f"/api/customers/{unranked}")[0] == 200, f"customer {unranked} is known"
    )
    page.get_by_role("searchbox").fill(unranked)
    page.keyboard.press("Enter")
    expect(side(page).get_by_role("heading", level=2)).to_contain_text(unranked)
    expect(side(page)).to_contain_text(exact)


def test_without_a_worker_the_page_is_late_and_customers_come_from_the_changelog(
    run: LiveRun, open_page: OpenPage
) -> None:
    page = open_page(run.url, is_away=True)
    expect_state(page, "Live")
    run.consumer.kill()
    rows(page).first.locator("a").click()
    expect(side(page)).to_contain_text("from the changelog: no worker answers for it now")
    expect_state(page, "Late", "the next snapshot is overdue")
    run.start_consumer()
    expect_state(page, "Live")


def test_without_a_broker_the_page_is_reconnecting_until_it_is_back(
    run: LiveRun, open_page: OpenPage
) -> None:
    page = open_page(run.url, is_away=True)
    expect_state(page, "Live")
    run.broker.stop()
    expect_state(page, "Reconnecting", "the dashboard can't reach Kafka")
    expect(rows(page)).to_have_count(10)
    run.broker.start()
    expect_state(page, "Live")


def test_a_restarted_dashboard_is_found_without_a_reload(run: LiveRun, open_page: OpenPage) -> None:
    page = open_page(run.url, is_away=True)
    expect_state(page, "Live")
    before = page.evaluate("performance.timeOrigin")
    assert run.dashboard.stop() == 0
    expect_state(page, "Reconnecting", "the dashboard's server does not answer")
    run.restart_dashboard()
    expect_state(page, "Live")
    assert page.evaluate("performance.timeOrigin") == before
