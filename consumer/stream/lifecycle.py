"""The lifecycle of a partition that this worker has: its states, and what may follow what.

    RESTORING ──▶ RUNNING ◀──▶ SUSPENDED
        └────────────┴─────────────┴──▶ GONE

RESTORING: its state is read from the changelog. RUNNING: its events are read. SUSPENDED: a rebalance has taken it, and
what is in memory is kept in case it comes back untouched. GONE: another member has it, or nobody.
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
    """A bug: a partition was to become what it can't become from where it is."""


def check_follows(before: Lifecycle, after: Lifecycle) -> None:
    """Raise `WrongLifecycle` where `after` can't come after `before`."""
    if after not in MAY_FOLLOW[before]:
        raise WrongLifecycle(f"{before.value} can't become {after.value}")
