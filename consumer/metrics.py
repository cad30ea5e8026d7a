"""The metrics of a worker, in one catalogue, and /metrics, /ready and /live over HTTP.

The stream updates the metrics at commits, rebalances and restores only; nothing is counted for each event.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app

from contract.errors import Fatal

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


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


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        """Do not log requests."""


def serve(metrics: Metrics, host: str, port: int) -> None:
    """Serve /metrics, /ready (503 until ready) and /live in a thread, until this process ends.

    Raises:
        Fatal: the server can't listen on this host and port.
    """
    metrics_app = make_wsgi_app(metrics.registry)

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            return metrics_app(environ, start_response)  # type: ignore[no-any-return]
        status, text = {
            "/live": ("200 OK", "live\n"),
            "/ready": ("200 OK", "ready\n")
            if metrics.is_ready
            else ("503 Service Unavailable", "not ready\n"),
        }.get(path, ("404 Not Found", "not found; try /metrics, /ready or /live\n"))
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text.encode()]

    try:
        server = make_server(host, port, app, handler_class=_Quiet)
    except OSError as error:
        raise Fatal(
            f"can't serve metrics on {host}:{port}: {error.strerror}; choose another --metrics-port"
        ) from None
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
