"""A rebalance storm: under load, members join and leave every second, by SIGTERM or SIGKILL."""

import random
import time
from typing import Final

import pytest

from tests.faults.harness import Application, Process
from tests.faults.invariants import hold

pytestmark = pytest.mark.faults_full

RATE: Final = 2_000
VISITORS: Final = 3


@pytest.mark.parametrize("changes", [10, pytest.param(60, marks=pytest.mark.faults_full)])
def test_members_that_join_and_leave_every_second_lose_and_double_nothing(
    app: Application, seed: int, changes: int
) -> None:
    chance = random.Random(seed)
    app.load.start(RATE)
    steady = app.start("steady", "--session-timeout-s", "3")
    app.wait_for(1, steady)
    visitors: dict[str, Process] = {}
    for _ in range(changes):
        due = time.monotonic() + 1
        name = f"visitor{chance.randrange(VISITORS)}"
        visitor = visitors.pop(name, None)
        if visitor is None:
            visitors[name] = app.start(name, "--session-timeout-s", "3")
        elif chance.random() < 0.5:
            visitor.kill()
        else:
            ended = visitor.stop()
            assert ended.is_clean, ended.log
        time.sleep(max(0.0, due - time.monotonic()))
    app.wait_for(app.load.stop(), steady, *visitors.values())
    hold(app)
