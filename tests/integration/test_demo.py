"""`ltv demo` as its users run it: it displays snapshots, and however it ends, no process is left."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tests.waiting import wait_until


class Demo:
    """A running demo, with all processes that it has started."""

    def __init__(self, servers: str, folder: Path, *args: str) -> None:
        self._mark = uuid4().hex
        self._out, self._err = folder / "out", folder / "err"
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "TMPDIR": str(folder),
            "LTV_TEST_MARK": self._mark,
        }
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ltv", "demo", *args], stdout=out, stderr=err, env=environment
            )

    @property
    def lines(self) -> list[str]:
        return self._out.read_text().splitlines()

    @property
    def notes(self) -> str:
        return self._err.read_text()

    def wait(self) -> int:
        wait_until(self._has_ended, "the demo has ended", state=lambda: self.notes)
        return self._process.returncode

    def wait_for_a_snapshot(self) -> None:
        wait_until(
            lambda: self.lines,
            "a snapshot",
            failing=lambda: f"the demo has ended: {self.notes}" if self._has_ended() else "",
            state=lambda: self.notes,
        )

    def _has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def running(self, word: str = "") -> list[psutil.Process]:
        """All processes with this demo's mark in their environment."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                if process.environ().get("LTV_TEST_MARK") == self._mark and word in [*process.cmdline(), ""]:
                    found.append(process)
        return found

    def kill(self) -> None:
        for process in self.running():
            with suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    started: list[Demo] = []
    yield started
    for demo in started:
        demo.kill()


def test_the_demo_shows_snapshots_of_a_live_shop(kafka: str, tmp_path: Path, demos: list[Demo]) -> None:
    demo = Demo(kafka, tmp_path, "--snapshots", "4", "--rate", "1000", "--top", "5")
    demos.append(demo)
    assert demo.wait() == 0, demo.notes
    assert len(demo.lines) == 4
    assert all(line.startswith("snapshot ") for line in demo.lines)
    assert " events/s, lag " in demo.lines[-1]
    assert "; 1. " in demo.lines[-1]
    assert re.search(r"the dashboard is at http://127\.0\.0\.1:\d+/\n", demo.notes)
    assert demo.running() == []
    [exported] = re.findall(r"in other terminals: export (.*)", demo.notes)
    environment = {**os.environ, **dict(each.split("=") for each in exported.split())}
    verified = subprocess.run(
        [sys.executable, "-m", "ltv", "verify"], env=environment, capture_output=True, text=True
    )
    assert verified.returncode == 0, verified.stderr
    assert "match the recomputation" in verified.stdout
    assert not list(tmp_path.glob("ltv-*"))


def test_without_a_cluster_it_starts_its_own_broker(tmp_path: Path, demos: list[Demo]) -> None:
    demo = Demo("", tmp_path, "--snapshots", "1", "--rate", "500", "--workers", "1")
    demos.append(demo)
    assert demo.wait() == 0, demo.notes
    assert "starting Kafka... ready in " in demo.notes
    assert re.search(r"export KAFKA_BOOTSTRAP_SERVERS=127\.0\.0\.1:\d+\n", demo.notes)
    assert demo.running() == []
    assert not list(tmp_path.glob("ltv-*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_leave_nothing_running(
    number: signal.Signals, kafka: str, tmp_path: Path, demos: list[Demo]
) -> None:
    demo = Demo(kafka, tmp_path, "--rate", "500")
    demos.append(demo)
    demo.wait_for_a_snapshot()
    assert len(demo.running()) > 4
    demo.send(number)
    assert demo.wait() == 0, demo.notes
    assert "nothing is left running" in demo.notes
    assert demo.running() == []


def test_a_child_that_dies_ends_the_demo_which_prints_its_name_and_log(
    kafka: str, tmp_path: Path, demos: list[Demo]
) -> None:
    demo = Demo(kafka, tmp_path, "--rate", "500")
    demos.append(demo)
    demo.wait_for_a_snapshot()
    [shop] = demo.running("produce")
    shop.kill()
    assert demo.wait() == 1
    assert "the shop ended by itself (killed by SIGKILL)" in demo.notes
    [logs] = tmp_path.glob("ltv-demo-logs-*")
    assert str(logs) in demo.notes
    assert (logs / "consumer.log").exists()
    assert demo.running() == []
