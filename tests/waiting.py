"""Waits for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import Final

DEADLINE_S: Final = 120.0
"""The default deadline of a wait: far more than any takes, for slow or busy machines."""

LOOK_AGAIN_S: Final = 0.05
LOOK_LESS_OFTEN: Final = 0.05
"""The share of the time waited so far by which the next look comes later: looking takes CPU from what is waited for."""


def wait_until(
    condition: Callable[[], object],
    what: str,
    *,
    within_s: float = DEADLINE_S,
    failing: Callable[[], str] = lambda: "",
    state: Callable[[], str] = lambda: "",
) -> float:
    """Wait until the condition holds; returns the seconds it took.

    Fails after the deadline with `what` and `state()`, and at once if `failing()` returns a reason why the condition
    can't hold any more.
    """
    began = time.monotonic()
    while not condition():
        assert not (why := failing()), f"{what}: {why}"
        assert time.monotonic() < began + within_s, f"not within {within_s:.0f} s: {what}. {state()}"
        time.sleep(LOOK_AGAIN_S + LOOK_LESS_OFTEN * (time.monotonic() - began))
    return time.monotonic() - began
