"""The two servers of `make bench-dashboard`: the dashboard's own, without Kafka, and a bare Starlette.

`python -m benchmarks.stream_servers dashboard|bare PORT INTERVAL_S ROWS`: each sends the same snapshots to all streams.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Final, NoReturn

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from uvicorn import Config, Server

from cluster.settings import Cluster
from contract.customers import CustomerDetail, StateUnavailable
from contract.snapshots import Coverage, PartitionCoverage, Row, Snapshot, Totals
from contract.topics import Topics
from dashboard.app import dashboard_app
from dashboard.broadcast import Broadcast, FeedState
from dashboard.customers_api import CustomersApi
from dashboard.dashboard_metrics import DashboardMetrics
from dashboard.frames import Frame
from dashboard.past_snapshots import PastSnapshots
from dashboard.server_thread import ServerThread
from dashboard.settings import DashboardSettings
from dashboard.stream_api import DashboardConnection
from web.listener import listen
from web.open_files import allow_open_files
from web.server import http_server

HOST: Final = "127.0.0.1"
MOST_SUBSCRIBERS: Final = 4_000


def made_snapshot(sequence: int, rows: int) -> Snapshot:
    """A snapshot of a usual size, emitted now."""
    return Snapshot(
        sequence=sequence,
        emitted_at=datetime.now(UTC).isoformat(timespec="microseconds"),
        x=rows,
        basis="active",
        timeframe_weeks=52,
        event_time_min="2026-01-01T00:00:00Z",
        event_time_max="2026-12-31T00:00:00Z",
        coverage=Coverage(
            complete=True,
            behind_s=0.5,
            lag_records=1_000,
            partitions=[
                PartitionCoverage(
                    partition=n, next_offset=10**6, lag_records=250, counted_to="2026-12-31T00:00:00Z"
                )
                for n in range(4)
            ],
        ),
        totals=Totals(
            events=4 * 10**6, customers=10**5, orders=10**6, revenue="123456789.00", dead_letters=40
        ),
        rows=[
            Row(
                rank=rank,
                previous_rank=rank,
                customer_id=f"{rank:012x}",
                last_name="Lovelace",
                ltv="1234567.80",
                total_spend="12345.67",
                weeks=5,
                orders=17,
                visits=123,
                revenue_per_visit="100.37",
                visits_per_week=24.6,
            )
            for rank in range(1, rows + 1)
        ],
    )


def publish_steadily(publish: Callable[[Frame], None], interval_s: float, rows: int) -> NoReturn:
    """Publish a snapshot every `interval_s`, until the process is killed."""
    sequence = 0
    while True:
        sequence += 1
        publish(Frame(made_snapshot(sequence, rows)))
        time.sleep(interval_s)


class _NoCustomers:
    def find_customer(self, customer_id: str) -> CustomerDetail:
        raise StateUnavailable("a benchmark has no customers")


def _no_kafka() -> NoReturn:
    raise StateUnavailable("a benchmark has no Kafka")


def serve_dashboard(port: int, interval_s: float, rows: int) -> None:
    """The dashboard's server, fed from this process."""
    metrics, broadcast = DashboardMetrics(), Broadcast()
    settings = DashboardSettings(Cluster.model_construct(), most_subscribers=MOST_SUBSCRIBERS)
    past = PastSnapshots(_no_kafka, Topics(), broadcast.recent)
    app = dashboard_app(settings, broadcast, past, CustomersApi(broadcast, _NoCustomers()), metrics)
    server = http_server(app, DashboardConnection)
    with (
        closing(listen(HOST, port, serving="the benchmark", option="PORT")) as listener,
        ServerThread(server, listener, broadcast, metrics) as thread,
    ):
        thread.set_state(FeedState.LIVE)
        publish_steadily(lambda frame: thread.publish([frame]), interval_s, rows)


def serve_bare(port: int, interval_s: float, rows: int) -> None:
    """Starlette's own StreamingResponse with a queue for each stream, on uvicorn as it is."""
    queues: set[asyncio.Queue[bytes]] = set()

    async def events() -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            queues.remove(queue)

    async def stream(_request: Request) -> StreamingResponse:
        return StreamingResponse(events(), media_type="text/event-stream")

    def give(event: bytes) -> None:
        for queue in queues:
            queue.put_nowait(event)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        config = Config(
            Starlette(routes=[Route("/api/stream", stream)]), log_level="critical", lifespan="off", http="h11"
        )
        publishing = asyncio.to_thread(
            publish_steadily,
            lambda frame: loop.call_soon_threadsafe(give, frame.event),  # type: ignore[arg-type]
            interval_s,
            rows,
        )
        with closing(listen(HOST, port, serving="the benchmark", option="PORT")) as listener:
            await asyncio.gather(Server(config).serve([listener]), publishing)

    asyncio.run(serve())


if __name__ == "__main__":
    kind, *numbers = sys.argv[1:]
    allow_open_files(MOST_SUBSCRIBERS + 100)
    {"dashboard": serve_dashboard, "bare": serve_bare}[kind](
        int(numbers[0]), float(numbers[1]), int(numbers[2])
    )
