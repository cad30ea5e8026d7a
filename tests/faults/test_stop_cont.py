"""SIGSTOP for longer than the session or transaction timeout, then SIGCONT: the zombie is fenced, and rejoins."""

import signal

import pytest

from tests.faults.harness import Application
from tests.faults.invariants import hold
from tests.waiting import wait_until

pytestmark = pytest.mark.faults_full

RATE = 2_000
SHORT = ("--session-timeout-s", "3", "--transaction-timeout-s", "2")


def takes_over(app: Application, name: str) -> None:
    """Wait until this process is the group's only member, and snapshots go on."""
    wait_until(lambda: app.cluster.members(app.group) == [f"{name}-0"], f"{name} is alone in the group")
    app.wait_for_more()


def both_work(app: Application) -> None:
    """Wait until both processes are members, and snapshots go on."""
    wait_until(lambda: app.cluster.members(app.group) == ["one-0", "two-0"], "both are members")
    app.wait_for_more()


@pytest.mark.faults_full
def test_a_worker_stopped_for_longer_than_its_session_rejoins_the_group(app: Application) -> None:
    app.load.start(RATE)
    one, two = app.start("one", *SHORT), app.start("two", *SHORT)
    both_work(app)
    for stopped, other in ((one, "two"), (two, "one")):
        stopped.send(signal.SIGSTOP)
        takes_over(app, other)
        stopped.send(signal.SIGCONT)
        both_work(app)
    app.wait_for(app.load.stop(), one, two)
    hold(app)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("send", marks=pytest.mark.faults_full),
        pytest.param("before_offsets", marks=pytest.mark.faults_full),
        "before_commit",
        pytest.param("in_flight", marks=pytest.mark.faults_full),
        pytest.param("after_commit", marks=pytest.mark.faults_full),
    ],
)
def test_a_worker_stopped_within_a_transaction_for_longer_than_its_timeout_commits_nothing(
    app: Application, point: str
) -> None:
    app.load.start(RATE)
    zombie = app.start("one", *SHORT, LTV_TEST_FAULT_AT=f"{point}:20:SIGSTOP")
    wait_until(zombie.is_stopped, f"stopped at {point}", failing=zombie.ended)
    other = app.start("two", *SHORT)
    takes_over(app, "two")
    zombie.send(signal.SIGCONT)
    both_work(app)
    app.wait_for(app.load.stop(), zombie, other)
    hold(app)


@pytest.mark.parametrize("point", ["before_commit", pytest.param("in_flight", marks=pytest.mark.faults_full)])
def test_a_zombie_whose_successor_has_its_instance_id_exits_and_leaves_the_successor_alone(
    app: Application, point: str
) -> None:
    app.load.start(RATE)
    zombie = app.start("one", LTV_TEST_FAULT_AT=f"{point}:20:SIGSTOP")
    wait_until(zombie.is_stopped, f"stopped at {point}", failing=zombie.ended)
    successor = app.start("one")
    successor.wait_for_log('"ready"')
    app.wait_for_more(successor)
    zombie.send(signal.SIGCONT)
    ended = zombie.wait(60)
    assert ended.code == 1
    assert "--instance-id" in ended.last_line
    app.wait_for(app.load.stop(), successor)
    hold(app)
