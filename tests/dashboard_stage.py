"""A dashboard's server in this process, with snapshots and customers that the test chooses, and no Kafka."""

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, NamedTuple, NoReturn

from cluster.settings import Cluster
from contract.customers import CustomerDetail, OrderDetail, StateUnavailable, UnknownCustomer
from contract.errors import Retriable
from contract.snapshots import Basis, Coverage, Row, Snapshot, Totals
from contract.topics import Topics
from dashboard.app import dashboard_app
from dashboard.broadcast import Broadcast, FeedState
from dashboard.customers_api import CustomersApi
from dashboard.dashboard_metrics import DashboardMetrics
from dashboard.frames import Frame
from dashboard.past_snapshots import PastSnapshots
from dashboard.series import Stretch, summary
from dashboard.series_reader import Bound
from dashboard.server_thread import ServerThread
from dashboard.settings import DashboardSettings
from dashboard.stream_api import DashboardConnection
from subscriber.history import NoSuchSnapshot
from tests.waiting import wait_until
from web.listener import listen
from web.server import http_server

HOST: Final = "127.0.0.1"
OUT_OF_REACH: Final = "out of reach"
"""A customer whose figures can't be read."""


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    body: bytes
    headers: http.client.HTTPMessage

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def row(rank: int, customer_id: str, spend: str = "100.00", weeks: int = 1, name: str | None = None) -> Row:
    return Row(
        rank=rank,
        previous_rank=None,
        customer_id=customer_id,
        last_name=name,
        ltv="0.00",
        total_spend=spend,
        weeks=weeks,
        orders=1,
        visits=0,
        revenue_per_visit=None,
        visits_per_week=0.0,
    )


def snapshot(sequence: int, *rows: Row, basis: Basis = "active") -> Snapshot:
    return Snapshot(
        sequence=sequence,
        emitted_at="2026-01-01T00:00:00Z",
        x=10,
        basis=basis,
        timeframe_weeks=4,
        event_time_min="2026-01-01T00:00:00Z",
        event_time_max="2026-01-28T00:00:00Z",
        coverage=Coverage(complete=True, behind_s=0.0, lag_records=0, partitions=[]),
        totals=Totals(events=sequence, customers=len(rows), orders=0, revenue="0.00", dead_letters=0),
        rows=list(rows),
    )


def customer(customer_id: str, spend: str = "100.00", weeks: int = 1) -> CustomerDetail:
    return CustomerDetail(
        customer_id=customer_id,
        last_name=None,
        partition=0,
        next_offset=7,
        source="owner",
        total_spend=spend,
        weeks=weeks,
        visits=3,
        orders=1,
        order_list=[
            OrderDetail(order_id="o1", amount=spend, event_time="2026-01-05T00:00:00Z", verb="NEW"),
        ],
        active_weeks=["2026-01-04"],
        ltv="52000.00",
    )


class KnownCustomers:
    """Finds these customers only, and remembers who was asked for."""

    def __init__(self, *known: CustomerDetail) -> None:
        self._known = {each.customer_id: each for each in known}
        self.asked_for: list[str] = []

    def find_customer(self, customer_id: str) -> CustomerDetail:
        self.asked_for.append(customer_id)
        if customer_id == OUT_OF_REACH:
            raise StateUnavailable("its partition has no owner, broker-1.internal:9092 says")
        if customer_id not in self._known:
            raise UnknownCustomer(customer_id, {0: 7})
        return self._known[customer_id]


class KnownPast(PastSnapshots):
    """A history of these snapshots, which reads no topic."""

    def __init__(self, broadcast: Broadcast, *known: Snapshot) -> None:
        super().__init__(_no_connection, Topics(), broadcast.recent)
        self._known = {each.sequence: each for each in known}
        self.is_away = False

    async def of_sequence(self, sequence: int) -> Frame:
        self._check()
        if sequence not in self._known:
            raise NoSuchSnapshot("no such snapshot on broker-1.internal:9092")
        return Frame(self._known[sequence])

    async def after(self, sequence: int) -> Sequence[Frame]:
        self._check()
        return [Frame(each) for each in self._known.values() if each.sequence > sequence][:3]

    async def stretch(self, since: Bound | None, until: Bound | None, limit: int) -> Stretch:
        self._check()
        found = [
            each for each in self._known.values() if not isinstance(since, int) or each.sequence >= since
        ]
        return Stretch(snapshots=list(map(summary, found[-limit:])), thinned=len(found) > limit)

    def _check(self) -> None:
        if self.is_away:
            raise Retriable("broker-1.internal:9092 does not answer")


def _no_connection() -> NoReturn:
    raise AssertionError("this test has no Kafka")


class Stage:
    """A running server: publish snapshots to it, and ask it."""

    def __init__(
        self, port: int, thread: ServerThread, broadcast: Broadcast, metrics: DashboardMetrics
    ) -> None:
        self.port, self.broadcast, self.metrics = port, broadcast, metrics
        self._thread = thread

    def publish(self, *snapshots: Snapshot) -> None:
        """Publish a batch, and wait until the server has it."""
        self._thread.publish([Frame(each) for each in snapshots])
        self.wait_for_sequence(snapshots[-1].sequence)

    def wait_for_sequence(self, sequence: int) -> None:
        wait_until(
            lambda: (newest := self.broadcast.recent.newest) and newest.sequence == sequence,
            f"snapshot {sequence} at the server",
        )

    def set_state(self, state: FeedState) -> None:
        self._thread.set_state(state)
        wait_until(lambda: self.broadcast.state is state, f"the state {state}")

    def ask(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
        """Send a request; in the names of headers, _ stands for -."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection(HOST, self.port, timeout=60)) as connection:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(), answer.headers)


@contextmanager
def stage(
    *past: Snapshot, customers: KnownCustomers | None = None, away: bool = False, **settings: Any
) -> Iterator[Stage]:
    """A dashboard that serves within the block."""
    metrics, broadcast = DashboardMetrics(), Broadcast()
    known = KnownPast(broadcast, *past)
    known.is_away = away
    with (
        closing(listen(HOST, 0, serving="the dashboard", option="--port")) as listener,
        closing(known),
        closing(CustomersApi(broadcast, customers or KnownCustomers())) as api,
    ):
        app = dashboard_app(
            DashboardSettings(Cluster.model_construct(), **settings), broadcast, known, api, metrics
        )
        server = http_server(app, DashboardConnection, shutdown_s=3)
        with ServerThread(server, listener, broadcast, metrics) as thread:
            yield Stage(listener.getsockname()[1], thread, broadcast, metrics)


def security_headers(answer: Answer) -> Mapping[str, str | None]:
    names = ("Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy")
    return {name: answer.headers[name] for name in names}
