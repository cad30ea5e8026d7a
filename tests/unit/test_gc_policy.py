import gc
import weakref
from collections.abc import Iterator

import pytest

from consumer.stream.gc_policy import FULL_MAX_S, FULL_MIN_S, FULL_SHARE, GcPolicy


class Cycle:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


class Clock:
    """Each look at it takes as long as told."""

    def __init__(self) -> None:
        self.now = 0.0
        self.look_s = 0.0

    def __call__(self) -> float:
        self.now += self.look_s
        return self.now


@pytest.fixture
def clock() -> Iterator[Clock]:
    yield Clock()
    gc.enable()
    gc.unfreeze()


def survivor(policy: GcPolicy) -> weakref.ref[Cycle]:
    """A cycle that nobody refers to, and that was in use during a commit."""
    cycle = Cycle()
    policy.after_commit()
    return weakref.ref(cycle)


def assert_a_cycle_is_collected_after(seconds: float, policy: GcPolicy, clock: Clock) -> None:
    began, left = clock.now, survivor(policy)
    clock.now = began + 0.9 * seconds
    policy.after_commit()
    assert left() is not None
    clock.now = began + 1.1 * seconds
    policy.after_commit()
    assert left() is None


def test_a_cycle_that_a_commit_leaves_is_collected_after_a_minute(clock: Clock) -> None:
    policy = GcPolicy(clock)
    for _ in range(2):
        assert_a_cycle_is_collected_after(FULL_MIN_S, policy, clock)


@pytest.mark.parametrize(("took_s", "next_s"), [(1.0, 1.0 / FULL_SHARE), (60.0, FULL_MAX_S)])
def test_full_collections_are_rarer_where_they_take_long(clock: Clock, took_s: float, next_s: float) -> None:
    policy = GcPolicy(clock)
    clock.now = FULL_MIN_S
    clock.look_s = took_s
    policy.after_commit()
    clock.look_s = 0
    assert_a_cycle_is_collected_after(next_s, policy, clock)
