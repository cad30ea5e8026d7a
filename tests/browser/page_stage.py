"""A dashboard's server in this process for a browser: real routes, page and stream; history and customers invented."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any

from cluster.settings import Cluster
from contract.snapshots import Snapshot
from dashboard.app import dashboard_app
from dashboard.broadcast import Broadcast, FeedState
from dashboard.customers_api import CustomersApi
from dashboard.dashboard_metrics import DashboardMetrics
from dashboard.frames import Frame
from dashboard.series import Stretch, summary
from dashboard.series_reader import Bound
from dashboard.server_thread import ServerThread
from dashboard.settings import DashboardSettings
from dashboard.stream_api import DashboardConnection
from tests.dashboard_stage import HOST, KnownCustomers, KnownPast, Stage
from web.listener import listen
from web.server import http_server


class KeptPast(KnownPast):
    """A history of these snapshots that can be asked by time, too."""

    @property
    def newest(self) -> Snapshot:
        """The last one."""
        return next(reversed(self._known.values()))

    def of(self, sequence: int) -> Snapshot:
        """The one with this sequence."""
        return self._known[sequence]

    def keep(self, snapshot: Snapshot) -> None:
        """Add a newer snapshot."""
        self._known[snapshot.sequence] = snapshot

    async def stretch(self, since: Bound | None, until: Bound | None, limit: int) -> Stretch:
        self._check()
        found = [each for each in self._known.values() if _from(each, since) and _to(each, until)]
        return Stretch(snapshots=list(map(summary, found[-limit:])), thinned=len(found) > limit)


def _from(snapshot: Snapshot, since: Bound | None) -> bool:
    return since is None or _place(snapshot, since) >= since  # type: ignore[operator]  # both of one kind


def _to(snapshot: Snapshot, until: Bound | None) -> bool:
    return until is None or _place(snapshot, until) <= until  # type: ignore[operator]  # both of one kind


def _place(snapshot: Snapshot, bound: Bound) -> Bound:
    return snapshot.sequence if isinstance(bound, int) else datetime.fromisoformat(snapshot.emitted_at)


class PageStage(Stage):
    """A running server for pages."""

    known: KeptPast

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def emit(self, *snapshots: Snapshot) -> None:
        """Publish a batch, and keep it in the history."""
        for each in snapshots:
            self.known.keep(each)
        self.publish(*snapshots)


@contextmanager
def page_stage(
    *past: Snapshot, customers: KnownCustomers | None = None, port: int = 0, **settings: Any
) -> Iterator[PageStage]:
    """A dashboard that serves within the block, and has emitted the snapshots of the past."""
    metrics, broadcast = DashboardMetrics(), Broadcast()
    with (
        closing(listen(HOST, port, serving="the dashboard", option="--port")) as listener,
        closing(KeptPast(broadcast, *past)) as known,
        closing(CustomersApi(broadcast, customers or KnownCustomers())) as api,
    ):
        settings_of = DashboardSettings(Cluster.model_construct(), **settings)
        app = dashboard_app(settings_of, broadcast, known, api, metrics)
        server = http_server(app, DashboardConnection, shutdown_s=3)
        with ServerThread(server, listener, broadcast, metrics) as thread:
            stage = PageStage(listener.getsockname()[1], thread, broadcast, metrics)
            stage.known = known
            if past:
                thread.publish([Frame(each) for each in past[-200:]])
                stage.wait_for_sequence(past[-1].sequence)
            stage.set_state(FeedState.LIVE if past else FeedState.WAITING)
            yield stage
