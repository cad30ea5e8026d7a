"""The metrics of a dashboard, in one catalogue; /metrics serves them."""

from typing import Final

from prometheus_client import ProcessCollector

from web.catalogued_registry import CataloguedRegistry, CatalogueEntry

DASHBOARD_METRICS: Final = (
    CatalogueEntry("ltv_dashboard_live", "gauge", "", (), "1 while the newest snapshot is followed"),
    CatalogueEntry("ltv_dashboard_subscribers", "gauge", "streams", (), "Streams that are open"),
    CatalogueEntry(
        "ltv_dashboard_subscribers_refused_total",
        "counter",
        "streams",
        (),
        "Streams that were refused because too many were open",
    ),
    CatalogueEntry(
        "ltv_dashboard_snapshots_sent_total", "counter", "snapshots", (), "Snapshots sent, to all streams"
    ),
    CatalogueEntry(
        "ltv_dashboard_snapshots_missed_total",
        "counter",
        "snapshots",
        (),
        "Snapshots that streams were not sent because their clients were too slow",
    ),
    CatalogueEntry(
        "ltv_dashboard_delay_seconds",
        "histogram",
        "seconds",
        (),
        "From reading a snapshot until one stream has sent it",
    ),
    CatalogueEntry(
        "ltv_dashboard_failed_sessions_total",
        "counter",
        "sessions",
        (),
        "Connections to the cluster that ended with an error",
    ),
)


class DashboardMetrics:
    """Every metric of a dashboard. Counters start at 0 with the process."""

    def __init__(self) -> None:
        made = CataloguedRegistry(DASHBOARD_METRICS)
        self.registry = made.registry
        self.open_streams = 0
        self.live = made.gauge("ltv_dashboard_live")
        self._subscribers = made.gauge("ltv_dashboard_subscribers")
        self.refused = made.counter("ltv_dashboard_subscribers_refused_total")
        self.sent = made.counter("ltv_dashboard_snapshots_sent_total")
        self.missed = made.counter("ltv_dashboard_snapshots_missed_total")
        self.delay_seconds = made.histogram("ltv_dashboard_delay_seconds")
        self.failed_sessions = made.counter("ltv_dashboard_failed_sessions_total")
        ProcessCollector(registry=self.registry)

    def set_open_streams(self, count: int) -> None:
        """Set how many streams are open."""
        self.open_streams = count
        self._subscribers.set(count)
