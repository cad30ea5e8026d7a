"""The metrics of a worker, in one catalogue. `consumer/http_port.py` serves them.

The stream updates the metrics at commits, rebalances and restores only; nothing is counted for each event.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Every metric of a worker. Counters start at 0 with the process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.is_ready = False
        """Every assigned partition is restored and running."""
        self._ready = self._gauge("ltv_ready", "1 while every assigned partition is restored and running")
        self.partitions = self._gauge("ltv_partitions", "Events partitions assigned to this worker")
        self.customers = self._gauge("ltv_customers", "Customers in this worker's state")
        self.orders = self._gauge("ltv_orders", "Orders in this worker's state")
        self.lag = Gauge(
            "ltv_lag_records",
            "Records of the partition that are not ingested yet",
            ["partition"],
            registry=self.registry,
        )
        self.blocked = Gauge(
            "ltv_blocked_by_transaction_seconds",
            "Seconds for which an open transaction has kept records of the partition from being read",
            ["partition"],
            registry=self.registry,
        )
        self.records = self._counter(
            "ltv_records_total", "Records committed: events ingested and dead letters"
        )
        self.dead_letters = self._counter("ltv_dead_letters_total", "Dead letters committed")
        self.commits = self._counter("ltv_commits_total", "Transactions committed")
        self.commit_seconds = Histogram(
            "ltv_commit_seconds",
            "Seconds from the beginning of a transaction to its commit",
            registry=self.registry,
        )
        self.changelog_bytes = self._counter("ltv_changelog_bytes_total", "Bytes written to the changelog")
        self.snapshots = self._counter("ltv_snapshots_total", "Snapshots emitted")
        self.rebalances = self._counter("ltv_rebalances_total", "Assignments received from the group")
        self.restored_rows = self._counter(
            "ltv_restored_rows_total", "Customers and orders restored from the changelog"
        )
        self.restore_seconds = self._counter("ltv_restore_seconds_total", "Seconds spent restoring")
        self.failed_sessions = self._counter(
            "ltv_failed_sessions_total", "Sessions ended by a retriable error of the cluster"
        )

    def set_ready(self, ready: bool) -> None:
        """Set whether every assigned partition is restored and running."""
        self.is_ready = ready
        self._ready.set(ready)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(name, meaning, registry=self.registry)

    def _counter(self, name: str, meaning: str) -> Counter:
        return Counter(name, meaning, registry=self.registry)
