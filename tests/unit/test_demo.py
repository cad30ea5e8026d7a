"""The demo's parts: child processes that never outlive it, signals that never interrupt a held step, and its pace."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.errors import Fatal
from contract.snapshots import Coverage, Snapshot, Totals
from ltv.demo.children import Child
from ltv.demo.pace import Pace
from ltv.stop_signals import StopSignals
from tests.waiting import wait_until

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(grandchild.pid, flush=True)
time.sleep(60)
"""


def python(script: str, tmp_path: Path) -> Child:
    return Child("part", [sys.executable, "-c", script], {}, tmp_path)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for_log(child: Child) -> str:
    wait_until(child.log.read_text, "the child's first words")
    return child.log.read_text()


def test_a_child_that_does_its_work_is_done(tmp_path: Path) -> None:
    with python("print('fine')", tmp_path) as child:
        child.finish(10)
    assert child.log.read_text() == "fine\n"


def test_a_child_that_fails_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with (
        python("print('\\x1b[31mI fail'); raise SystemExit(4)", tmp_path) as child,
        pytest.raises(Fatal) as error,
    ):
        child.finish(10)
    assert "the part failed (exit code 4)" in str(error.value)
    assert error.value.details == ["\x1b[31mI fail"]


def test_a_child_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    with python("import os; os.kill(os.getpid(), 9)", tmp_path) as child:
        with pytest.raises(Fatal):
            child.finish(10)
        with pytest.raises(Fatal, match=r"ended by itself \(killed by SIGKILL\)") as error:
            child.check()
        assert error.value.details == ["(its log is empty)"]


def test_a_child_that_takes_too_long_is_an_error(tmp_path: Path) -> None:
    with python("import time; time.sleep(60)", tmp_path) as child, pytest.raises(Fatal, match="longer than"):
        child.finish(0.1)
    assert not is_running(child.pid)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
def test_a_child_that_ignores_sigterm_is_killed_with_its_own_children(tmp_path: Path) -> None:
    child = python(STUBBORN, tmp_path)
    grandchild = int(wait_for_log(child))
    child.stop(timeout_s=0.2)
    assert not is_running(child.pid)
    wait_until(lambda: not is_running(grandchild), "the end of the child's own child")


@pytest.fixture
def stop() -> Iterator[StopSignals]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield StopSignals()
    assert {number: signal.getsignal(number) for number in before} == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_interrupts_once_only(stop: StopSignals, number: int) -> None:
    with stop.watched():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # Ignored: a child could be stopping just now.


def test_a_signal_waits_for_the_end_of_a_step_that_is_held(stop: StopSignals) -> None:
    steps = []

    def held_step() -> None:
        with stop.held():
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("held")
        steps.append("after")

    with stop.watched(), pytest.raises(KeyboardInterrupt):
        held_step()
    assert steps == ["held"]


def test_under_nohup_a_hangup_ends_nothing(stop: StopSignals) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop.watched():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_signals_after_the_end_of_the_work_are_ignored(stop: StopSignals) -> None:
    with stop.watched():
        with stop.ignored_at_the_end():
            pass
        os.kill(os.getpid(), signal.SIGTERM)


def snapshot(emitted_at: str, events: int, dead_letters: int) -> Snapshot:
    return Snapshot(
        sequence=1,
        emitted_at=emitted_at,
        x=1,
        basis="active",
        timeframe_weeks=0,
        event_time_min=None,
        event_time_max=None,
        coverage=Coverage(complete=True, behind_s=0.0, lag_records=0, partitions=[]),
        totals=Totals(events=events, customers=0, orders=0, revenue="0.00", dead_letters=dead_letters),
        rows=[],
    )


def test_the_pace_counts_ingested_events_and_dead_letters() -> None:
    pace = Pace()
    assert pace.text_after(snapshot("2026-01-01T00:00:00Z", 90, 10), 150) == "lag 50"
    assert pace.text_after(snapshot("2026-01-01T00:00:02.5Z", 7_500, 100), 7_600) == "3,000 events/s, lag 0"
