"""The garbage collector must not walk the state: millions of live objects, again and again, to find nothing.

It is off in the loop. After each commit the young objects are collected, and what lives is put beyond its reach
(`gc.freeze`). Once an hour everything is walked, for the few cycles that were alive at a commit.
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
        """Collect what came since the last call, or once an hour all there is."""
        if self._clock() >= self._full_at:
            self._full_at = self._clock() + FULL_INTERVAL_S
            gc.unfreeze()
            gc.collect()
        else:
            gc.collect(0)
        gc.freeze()
