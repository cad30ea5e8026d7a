"""A dashboard from its settings: the feed in this thread, the HTTP server in another one."""

from collections.abc import Callable
from contextlib import closing
from typing import Final

import structlog

from cluster.log_reader import LogReader
from dashboard.app import dashboard_app
from dashboard.broadcast import Broadcast
from dashboard.customers_api import CustomersApi
from dashboard.dashboard_metrics import DashboardMetrics
from dashboard.past_snapshots import PastSnapshots
from dashboard.pooled_customers import PooledCustomers
from dashboard.server_thread import ServerThread
from dashboard.settings import DashboardSettings
from dashboard.snapshot_feed import SnapshotFeed
from dashboard.stream_api import DashboardConnection
from web.listener import listen
from web.open_files import allow_open_files
from web.server import http_server

SHUTDOWN_S: Final = 3
CALL_TIMEOUT_S: Final = 5.0
FILES_BESIDE_STREAMS: Final = 600
"""Brief connections, connections to Kafka, and the files of the program."""

log = structlog.get_logger()


def run_dashboard(settings: DashboardSettings, should_stop: Callable[[], bool]) -> None:
    """Serve until `should_stop`; while the brokers are away, go on with what is known.

    Raises:
        Fatal: the server can't listen on this host and port.
    """

    def connect() -> LogReader:
        return LogReader(settings.cluster, "ltv-dashboard", call_timeout_s=CALL_TIMEOUT_S)

    metrics, broadcast = DashboardMetrics(), Broadcast()
    with (
        closing(listen(settings.host, settings.port, serving="the dashboard", option="--port")) as listener,
        closing(PastSnapshots(connect, settings.topics, broadcast.recent)) as past,
        closing(PooledCustomers(connect, settings.topics, settings.token)) as pool,
        closing(CustomersApi(broadcast, pool)) as customers,
    ):
        allow_open_files(settings.most_subscribers + FILES_BESIDE_STREAMS)
        app = dashboard_app(settings, broadcast, past, customers, metrics)
        server = http_server(app, DashboardConnection, shutdown_s=SHUTDOWN_S)
        with ServerThread(server, listener, broadcast, metrics) as thread:
            log.info("serving", address=_address(settings.host, listener.getsockname()[1]))
            feed = SnapshotFeed(connect, settings.topics, thread, metrics.failed_sessions.inc)
            feed.run(lambda: should_stop() or thread.has_ended)
            log.info("stopping")


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
