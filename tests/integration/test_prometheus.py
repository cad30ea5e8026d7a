"""A real Prometheus scrapes real processes: each alert fires while its fault lasts, and clears once it is mended."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psutil
import pytest

from broker.readiness import free_port, free_ports_in_a_row
from tests.integration.application import Application, Instance, Keyed, Plain, shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.prometheus import Prometheus
from tests.integration.test_parent_port import samples
from tests.unit.test_grafana_board import BOARD
from tests.waiting import DEADLINE_S, wait_until

pytestmark = pytest.mark.skipif(
    shutil.which("prometheus") is None,
    reason="prometheus is not installed (Debian: apt-get install prometheus)",
)

VALID: Final = shop(7, seed=101)
RUBBISH: Final[list[Keyed]] = [(b"c1", b"rubbish")] * 3
LONG_S: Final = "600"
EXPECTED: Final = {
    "invalid": {"LtvDeadLetters", "LtvDeadLettersNearLimit"},
    "killed": {"LtvStopped"},
    "hanging": {"LtvSnapshotStale"},
    "behind": {"LtvLagging", "LtvBlockedByTransaction"},
    "restoring": {"LtvRestoringTooLong", "LtvNotReady"},
    "quiet": {"LtvNoEvents"},
}
"""Group -> the alerts of its fault; others may follow from it."""
OF_A_BUSY_MACHINE: Final = {"LtvLagging", "LtvSnapshotStale"}
"""With shortened limits, two seconds are late."""
SEVERAL_WORKERS: Final = {"healthy", "hanging"}
NEVER_HAPPENS: Final = "ltv_publisher_invalid_total"


@contextmanager
def command(plain: Plain, *words: str) -> Iterator[None]:
    """A running `ltv` command."""
    environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": plain.servers}
    process = subprocess.Popen(
        [sys.executable, "-m", "ltv", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


class Group:
    """A consumer with its port; in Prometheus its group has this name."""

    def __init__(self, name: str, application: Application) -> None:
        self.name, self.application = name, application
        self._workers = 2 if name in SEVERAL_WORKERS else 1
        self.port = free_ports_in_a_row(3) if name in SEVERAL_WORKERS else free_port()
        self._instance: Instance | None = None

    @property
    def instance(self) -> Instance:
        assert self._instance
        return self._instance

    def start(self) -> None:
        self._instance = self.application.start(
            "one",
            *("--workers", str(self._workers), "--metrics-port", str(self.port)),
            *("--blocked-after-s", "1", "--session-timeout-s", LONG_S),
        )

    def labels(self) -> dict[str, str]:
        """Those of its targets. A parent waits 2 s for a worker that hangs."""
        slow = {"__scrape_interval__": "3s", "__scrape_timeout__": "3s"} if self.name == "hanging" else {}
        return {"cluster": "test", "group": self.name, **slow}

    def failing(self) -> str:
        return f"{self.name} {why}" if self._instance and (why := self._instance.failing()) else ""

    def worker_that_emits(self) -> psutil.Process:
        """The process of the worker that owns partition 0."""

        def numbers() -> list[str]:
            return [
                number for number, at in samples(self.port, "ltv_snapshot_timestamp_seconds").items() if at
            ]

        wait_until(numbers, f"a snapshot of {self.name}", failing=self.failing)
        (number,) = numbers()
        (found,) = [each for each in self.instance.workers() if each.name() == f"ltv worker {number}"]
        return found


def make_faults(groups: dict[str, Group], plain: Plain) -> ExitStack:
    """All faults; they are mended when the stack closes."""
    with ExitStack() as faults:
        groups["killed"].instance.kill()
        faults.callback(groups["killed"].start)
        hanging = groups["hanging"].worker_that_emits()
        hanging.send_signal(signal.SIGSTOP)
        faults.callback(hanging.send_signal, signal.SIGCONT)
        faults.enter_context(plain.open_transaction(groups["behind"].application.events, VALID[:1], 0))
        changelog = f"{groups['restoring'].application.prefix}.changelog"
        faults.enter_context(plain.open_transaction(changelog, VALID[:1], 0))
        groups["restoring"].start()
        return faults.pop_all()


@pytest.mark.skipif(not psutil.LINUX, reason="workers are told apart by their process titles")
def test_alerts_fire_and_clear_with_their_faults_and_the_boards_queries_have_answers(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication, tmp_path: Path
) -> None:
    """The events come from this test, but for the healthy group's; invalid ones and silence end with the faults."""
    names = ["healthy", *EXPECTED]
    groups = {name: Group(name, new_application(new_topic(VALID, partitions=2))) for name in names}
    healthy, publisher_port, dashboard_port = groups["healthy"], free_port(), free_port()
    targets = [
        *(("ltv", group.port, group.labels()) for group in groups.values()),
        ("ltv-publisher", publisher_port, healthy.labels()),
        ("ltv-dashboard", dashboard_port, healthy.labels()),
    ]
    groups["restoring"].application.backfill()
    for name in names:
        if name != "restoring":
            groups[name].start()
    publish = ["produce", "--events-topic", healthy.application.events, "--rate", "20"]
    show = ["dashboard", "--prefix", healthy.application.prefix, "--port", str(dashboard_port)]
    with (
        command(plain, *publish, "--metrics-port", str(publisher_port)),
        command(plain, *show),
        Prometheus(tmp_path, targets) as prometheus,
    ):

        def firing_after(events: dict[str, list[Keyed]]) -> dict[str, set[str]]:
            for name in EXPECTED:
                plain.send(groups[name].application.events, events.get(name, VALID))
            found = prometheus.firing()
            assert found.get("healthy", set()) <= OF_A_BUSY_MACHINE
            return found

        def all_fire() -> bool:
            found = firing_after({"invalid": VALID + RUBBISH, "quiet": []})
            return all(alerts <= found.get(name, set()) for name, alerts in EXPECTED.items())

        def failing() -> str:
            ended = [group.failing() for group in groups.values() if group is not groups["killed"]]
            return prometheus.failing() + "".join(ended)

        def state() -> str:
            return f"Firing: {prometheus.firing()}"

        for expected, what in (
            (len(names) - 1, "group:ltv_commits:rate5m > 0"),
            (1, 'up{job="ltv-publisher"} == 1'),
            (1, 'up{job="ltv-dashboard"} == 1'),
        ):
            wait_until(
                lambda what=what, expected=expected: len(prometheus.query(what)) == expected,  # type: ignore[misc]
                what,
                failing=failing,
            )
        with make_faults(groups, plain):
            wait_until(all_fire, "every alert fires", failing=failing, state=state)
            assert without_answer(prometheus) == []
        wait_until(lambda: not firing_after({}), "no alert fires", failing=failing, state=state)


def without_answer(prometheus: Prometheus) -> list[str]:
    """The board's queries that find nothing, in any group."""
    queries = [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", ())]
    asked = {
        query: query.replace('="$cluster"', '=~".+"').replace('="$group"', '=~".+"')
        for query in queries
        if NEVER_HAPPENS not in query
    }
    return [
        query
        for query, expression in asked.items()
        if not prometheus.query(expression.replace("$__rate_interval", "10s"))
    ]
