"""The metrics of a dashboard, in one catalogue; /metrics serves them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class DashboardMetrics:
    """Every metric of a dashboard. Counters start at 0 with the process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.open_streams = 0
        self._subscribers = Gauge(
            "ltv_dashboard_subscribers", "Streams that are open", registry=self.registry
        )
        self.refused = Counter(
            "ltv_dashboard_subscribers_refused_total",
            "Streams that were refused because too many were open",
            registry=self.registry,
        )
        self.sent = Counter(
            "ltv_dashboard_snapshots_sent_total", "Snapshots sent, to all streams", registry=self.registry
        )
        self.missed = Counter(
            "ltv_dashboard_snapshots_missed_total",
            "Snapshots that streams were not sent because their clients were too slow",
            registry=self.registry,
        )
        self.delay_seconds = Histogram(
            "ltv_dashboard_delay_seconds",
            "Seconds from reading a snapshot until one stream has sent it",
            registry=self.registry,
        )
        self.failed_sessions = Counter(
            "ltv_dashboard_failed_sessions_total",
            "Connections to the cluster that ended with an error",
            registry=self.registry,
        )
        self.live = Gauge(
            "ltv_dashboard_live", "1 while the newest snapshot is followed", registry=self.registry
        )

    def set_open_streams(self, count: int) -> None:
        """Set how many streams are open."""
        self.open_streams = count
        self._subscribers.set(count)
