"""One line in the log a minute: what a worker has done since the last one."""

from collections.abc import Callable
from typing import Final

import structlog

from consumer.metrics import Metrics

INTERVAL_S: Final = 60.0

log = structlog.get_logger()


class MinuteSummary:
    """Logs the change of a worker's counters, once a minute."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._due_at = clock() + INTERVAL_S
        self._before = self._counters()

    def log_if_due(self) -> None:
        """Log the line, if the last one is a minute ago."""
        if self._clock() < self._due_at:
            return
        self._due_at = self._clock() + INTERVAL_S
        metrics, now = self._metrics, self._counters()
        log.info(
            "summary",
            **{name: round(count - self._before[name]) for name, count in now.items()},
            lag_records=round(metrics.total("ltv_lag_records")),
            lag_s=round(max(metrics.values("ltv_lag_seconds"), default=0.0), 1),
            partitions=sorted(metrics.labels_of("ltv_lag_records", "partition"), key=int),
            ready=metrics.health.ready().ok,
        )
        self._before = now

    def _counters(self) -> dict[str, float]:
        return {
            "events": self._metrics.total("ltv_events_total"),
            "dead_letters": self._metrics.total("ltv_dead_letters_total"),
            "commits": self._metrics.total("ltv_commits_total"),
            "failed_sessions": self._metrics.total("ltv_failed_sessions_total"),
        }
