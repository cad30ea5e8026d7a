"""SIGKILL of workers at random instants, and at every point of a commit."""

import random
import signal
import time
from typing import Final

import psutil
import pytest

from tests.faults.harness import POINTS, Application
from tests.faults.invariants import hold
from tests.waiting import wait_until

RATE: Final = 3_000
MAX_LIFE_S: Final = 3.0


pytestmark = pytest.mark.usefixtures("either_core")


def kill_workers(app: Application, seed: int, kills: int) -> None:
    """Under load, kill one of two workers after random intervals, again and again; then check the invariants."""
    chance = random.Random(seed)
    app.load.start(RATE)
    parent = app.start("one", "--workers", "2")
    app.wait_for(1, parent)
    for _ in range(kills):
        time.sleep(chance.uniform(0, MAX_LIFE_S))
        wait_until(parent.workers, "a worker to kill", failing=parent.ended)
        try:
            chance.choice(parent.workers()).kill()
        except (psutil.NoSuchProcess, IndexError):
            continue
    app.wait_for(app.load.stop(), parent)
    assert parent.log.count("worker died") >= kills - 1
    hold(app)


def test_workers_killed_at_random_instants_lose_and_double_nothing(app: Application, seed: int) -> None:
    kill_workers(app, seed, 6)


@pytest.mark.faults_full
def test_workers_killed_forty_times_lose_and_double_nothing(app: Application, seed: int) -> None:
    kill_workers(app, seed, 40)


def test_a_kill_at_any_point_of_a_commit_loses_and_doubles_nothing(app: Application, seed: int) -> None:
    chance = random.Random(seed)
    app.load.start(RATE)
    for point in (*POINTS, POINTS[-1], "after_commit"):
        fault = f"{point}:{chance.randrange(1, 7)}:SIGKILL"
        assert app.start("one", LTV_TEST_FAULT_AT=fault).wait().code == -signal.SIGKILL, fault
    last = app.start("one")
    app.wait_for(app.load.stop(), last)
    hold(app)
