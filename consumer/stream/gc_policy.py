"""Keeps the garbage collector from traversing the state, millions of live objects, again and again.

Automatic collection is off. After each commit the young objects are collected, and the survivors are excluded from
later collections (`gc.freeze`). Once an hour all objects are collected, for the few cycles that survived a commit.
"""

import gc
from collections.abc import Callable
from typing import Final

FULL_INTERVAL_S: Final = 3600.0


class GcPolicy:
    """Runs the garbage collector by hand."""

    def __init__(self, clock: Callable[[], float]) -> None:
        gc.disable()
        self._clock = clock
        self._full_at = clock() + FULL_INTERVAL_S

    def after_commit(self) -> None:
        """Collect the objects made since the last call, or once an hour all objects."""
        if self._clock() >= self._full_at:
            self._full_at = self._clock() + FULL_INTERVAL_S
            gc.unfreeze()
            gc.collect()
        else:
            gc.collect(0)
        gc.freeze()
