"""The wall clock jumps by a day in both directions; events of the years 1 and 9999.

A sitecustomize.py on PYTHONPATH moves Python's wall clock in every process of the consumer, by the seconds in a
file. (libfaketime 0.9.10 also moves the monotonic clock: time.sleep fails with EINVAL.)
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from tests.faults.harness import Application
from tests.faults.invariants import hold
from tests.faults.load import Sent

pytestmark = pytest.mark.faults_full

DAY_S: Final = 86_400
RATE: Final = 1_000

MOVED_CLOCK: Final = """
import datetime, os, time

_time, _time_ns = time.time, time.time_ns

def _offset():
    with open(os.environ["MOVED_CLOCK"]) as file:
        return int(file.read())

time.time = lambda: _time() + _offset()
time.time_ns = lambda: _time_ns() + _offset() * 10**9

class _Datetime(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(time.time(), tz)

# Only here: types of fields must stay the real ones.
import consumer.stream.session
consumer.stream.session.datetime = _Datetime
"""


class Clock:
    """The wall clock of processes started with its environment."""

    def __init__(self, directory: Path) -> None:
        (directory / "sitecustomize.py").write_text(MOVED_CLOCK)
        self._offset = directory / "offset"
        self.environment = {"PYTHONPATH": str(directory), "MOVED_CLOCK": str(self._offset)}
        self.move(0)

    def move(self, seconds: int) -> None:
        """Set how far the clock is off from now on."""
        new = self._offset.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._offset)


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S], ids=["forward", "back"])
def test_a_wall_clock_that_jumps_by_a_day_changes_no_result(
    app: Application, tmp_path: Path, jump_s: int
) -> None:
    clock = Clock(tmp_path)
    app.load.start(RATE)
    running = app.start("one", **clock.environment)
    app.wait_for(RATE, running)
    before = len(app.snapshots())
    clock.move(jump_s)
    app.wait_for(app.load.delivered + RATE, running)
    assert moved(app.snapshots()[-1], app.snapshots()[before - 1], jump_s), "the clock was moved"
    clock.move(0)  # A jump in the other direction.
    app.wait_for(app.load.stop(), running)
    assert "waiting for the cluster" not in running.log
    hold(app)


def test_events_of_the_years_1_and_9999_do_not_stop_snapshots(app: Application) -> None:
    running = app.start("one")
    app.load.send(500)
    app.wait_for(500, running)
    for number, at in enumerate(("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z")):
        visit = {"type": "SITE_VISIT", "verb": "NEW", "key": f"odd{number}", "event_time": at}
        order = {
            "type": "ORDER",
            "verb": "NEW",
            "key": f"o{number}",
            "event_time": at,
            "total_amount": "7.77 USD",
        }
        for event in (visit, order):
            event["customer_id"] = f"c{number}"
            app.load.put(Sent(f"c{number}".encode(), json.dumps(event).encode()))
    app.load.flush()
    app.wait_for(504, running)
    app.load.send(500)
    app.wait_for(1004, running)
    newest = app.snapshots()[-1]
    assert (newest["event_time_min"][:4], newest["event_time_max"][:4]) == ("0001", "9999")
    hold(app, basis="active")


def test_with_a_clock_ahead_by_a_day_a_restart_works(app: Application, tmp_path: Path) -> None:
    clock = Clock(tmp_path)
    clock.move(DAY_S)
    app.load.send(2_000)
    ahead = app.start("one", **clock.environment)
    app.wait_for(2_000, ahead)
    ahead.kill()
    clock.move(-DAY_S)
    app.load.send(2_000)
    app.wait_for(4_000, app.start("one", **clock.environment))
    hold(app)


def moved(new: dict[str, Any], old: dict[str, Any], jump_s: int) -> bool:
    """Whether a snapshot's time has the jump."""
    between = datetime.fromisoformat(new["emitted_at"]) - datetime.fromisoformat(old["emitted_at"])
    return abs(between.total_seconds() - jump_s) < DAY_S / 2
