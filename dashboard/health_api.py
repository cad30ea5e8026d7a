"""/api/health: whether the snapshots are followed, and how old the newest one is. Everybody may read it."""

from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contract.snapshots import Snapshot
from dashboard.answers import KEEP_NOTHING, json_response
from dashboard.broadcast import Broadcast, FeedState
from dashboard.dashboard_metrics import DashboardMetrics
from subscriber.presentation import age


class NewestSnapshot(Struct, frozen=True, kw_only=True):
    """The newest snapshot that the dashboard has."""

    sequence: int
    """Its number."""
    emitted_at: str
    """When it was emitted, RFC 3339 in UTC."""
    age_s: float
    """Seconds since then, by the dashboard's clock; 0 if the clocks disagree."""


class Health(Struct, frozen=True, kw_only=True):
    """How the dashboard is. The status of the answer is 200 whatever it says."""

    state: FeedState
    """live: the topic is followed; waiting: it has no snapshot yet; reconnecting: no broker answers; unreadable: a
    newer program writes the snapshots."""
    since: str
    """When this state began, RFC 3339 in UTC."""
    snapshot: NewestSnapshot | None
    """Null before the first."""
    subscribers: int
    """Streams that are open."""


class HealthApi:
    """The route."""

    def __init__(
        self,
        broadcast: Broadcast,
        metrics: DashboardMetrics,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._broadcast, self._metrics, self._now = broadcast, metrics, now

    def routes(self) -> list[Route]:
        """The route of the health."""
        return [Route("/api/health", self._health)]

    async def _health(self, _request: Request) -> Response:
        frame = self._broadcast.recent.newest
        health = Health(
            state=self._broadcast.state,
            since=self._broadcast.state_since,
            snapshot=_newest(frame.snapshot, self._now()) if frame else None,
            subscribers=self._metrics.open_streams,
        )
        return json_response(health, KEEP_NOTHING)


def _newest(snapshot: Snapshot, now: datetime) -> NewestSnapshot:
    return NewestSnapshot(
        sequence=snapshot.sequence, emitted_at=snapshot.emitted_at, age_s=age(snapshot, now)
    )
