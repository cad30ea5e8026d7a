"""The lifecycle of an assigned partition: its states, and the allowed transitions.

    RESTORING ──▶ RUNNING ◀──▶ SUSPENDED
        └────────────┴─────────────┴──▶ GONE

RESTORING: its state is read from the changelog. RUNNING: its events are read. SUSPENDED: a rebalance has revoked it;
its state stays in memory in case it is assigned again unchanged. GONE: its state is dropped.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Lifecycle(Enum):
    """A state of a partition."""

    RESTORING = "restoring"
    RUNNING = "running"
    SUSPENDED = "suspended"
    GONE = "gone"


MAY_FOLLOW: Final[Mapping[Lifecycle, frozenset[Lifecycle]]] = {
    Lifecycle.RESTORING: frozenset({Lifecycle.RUNNING, Lifecycle.GONE}),
    Lifecycle.RUNNING: frozenset({Lifecycle.SUSPENDED, Lifecycle.GONE}),
    Lifecycle.SUSPENDED: frozenset({Lifecycle.RUNNING, Lifecycle.GONE}),
    Lifecycle.GONE: frozenset(),
}


class WrongLifecycle(Exception):
    """A bug: the lifecycle allows no such transition."""


def check_follows(before: Lifecycle, after: Lifecycle) -> None:
    """Raise `WrongLifecycle` if `after` may not follow `before`."""
    if after not in MAY_FOLLOW[before]:
        raise WrongLifecycle(f"{before.value} can't become {after.value}")
