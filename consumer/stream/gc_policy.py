"""Keeps the garbage collector from traversing the state, millions of live objects, again and again.

Automatic collection is off. After each commit the young objects are collected, and the survivors are excluded from
later collections (`gc.freeze`). Cycles that a commit leaves survive that: requests of the Kafka client that are under
way, some kilobytes a commit. So all objects are collected now and then: every minute where that takes milliseconds, as
with the native core, whose state is no Python object; less often where it takes longer, but every hour.
"""

import gc
from collections.abc import Callable
from typing import Final

FULL_MIN_S: Final = 60.0
FULL_MAX_S: Final = 3600.0
FULL_SHARE: Final = 1 / 1_000
"""The most of the time that full collections take, unless one an hour takes more."""


class GcPolicy:
    """Runs the garbage collector by hand."""

    def __init__(self, clock: Callable[[], float]) -> None:
        gc.disable()
        self._clock = clock
        self._full_at = clock() + FULL_MIN_S

    def after_commit(self) -> None:
        """Collect the objects made since the last call, or now and then all objects."""
        if (began := self._clock()) >= self._full_at:
            gc.unfreeze()
            gc.collect()
            now = self._clock()
            self._full_at = now + min(max((now - began) / FULL_SHARE, FULL_MIN_S), FULL_MAX_S)
        else:
            gc.collect(0)
        gc.freeze()
