"""Whether a worker is alive and ready, and why. The loop reports; the HTTP port's thread asks.

A worker is alive while its loop turns, also while it restores or waits for the cluster. It is ready while every
assigned partition runs and the cluster answers.
"""

import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

WEDGED_AFTER_S: Final = 150.0
"""A turn may wait for several answers of the cluster, each up to 30 s; for open transactions comes their timeout."""

SILENT_AFTER_S: Final = 15.0
"""A cluster that has not answered for longer can't be reached."""


class HealthAnswer(Struct, frozen=True):
    """The answer of /live or /ready."""

    ok: bool
    reason: str
    """Never has text from outside: anybody may ask."""


class WorkerHealth:
    """The health of one worker. Other threads may ask."""

    def __init__(
        self, wedged_after_s: float = WEDGED_AFTER_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Alive from now on.

        Args:
            wedged_after_s: a loop that has not turned for longer is not alive.
            clock: in seconds.
        """
        self._wedged_after_s = wedged_after_s
        self._clock = clock
        self._turned_at = clock()
        self._answered_at = clock()
        self._not_ready: str | None = "starting"

    def turned(self) -> None:
        """Note that the loop has turned."""
        self._turned_at = self._clock()

    def cluster_answered(self) -> None:
        """Note an answer of the cluster; the loop asks once a second."""
        self._answered_at = self._clock()

    def is_ready_now(self) -> None:
        """Note that every assigned partition runs."""
        self._not_ready = None
        self.cluster_answered()

    def is_not_ready(self, reason: str) -> None:
        """Note that no partition runs, or not each, for this reason."""
        self._not_ready = reason

    def live(self) -> HealthAnswer:
        """Whether the loop has turned lately."""
        idle_s = self._clock() - self._turned_at
        ok = idle_s <= self._wedged_after_s
        return HealthAnswer(ok, "the loop turns" if ok else f"the loop has not turned for {idle_s:.0f} s")

    def ready(self) -> HealthAnswer:
        """Whether every assigned partition runs and the cluster answers."""
        if self._not_ready is not None:
            return HealthAnswer(False, self._not_ready)
        silent_s = self._clock() - self._answered_at
        if silent_s > SILENT_AFTER_S:
            return HealthAnswer(False, f"the cluster has not answered for {silent_s:.0f} s")
        return HealthAnswer(True, "every assigned partition runs")
