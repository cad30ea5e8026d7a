"""The HTTP port of a worker: /metrics, /ready, /live and /customers/, from a thread with uvicorn.

A slow or silent client holds a connection for a few seconds at most, and never keeps another client out: every answer
closes its connection, and where too many are open, the oldest is closed.
"""

import sys
import threading
from collections.abc import Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from consumer.customer_page import CustomerAnswers, CustomerPage
from consumer.health import HealthAnswer
from consumer.metrics import Metrics
from web.allowed_hosts import AllowedHosts, HostCheck
from web.exposition import Exposition
from web.listener import listen
from web.server import http_server

WRONG_HOST: Final = (
    "this Host is not served; --metrics-allowed-hosts (LTV_METRICS_ALLOWED_HOSTS) adds a name\n"
)
NOT_FOUND: Final = "not found; try /metrics, /ready or /live\n"
SWITCH_INTERVAL_S: Final = 0.001
"""How long a thread that works keeps the interpreter while another waits. An answer takes several such waits:
with Python's own 5 ms, four who ask at once wait four times as long beside a worker that ingests."""


def serve(
    metrics: Metrics,
    host: str,
    port: int,
    allowed_hosts: Sequence[str] = (),
    customers: CustomerAnswers | None = None,
) -> None:
    """Serve /metrics, /ready, /live (503 if it is not) and /customers/ in a thread, until this process ends.

    Args:
        metrics: what is served.
        host: the address to listen on; it is allowed as a Host, too.
        port: the port to listen on.
        allowed_hosts: names, beside those of `AllowedHosts`, that requests may have as Host.
        customers: the answers of /customers/; None: there is no such page.

    Raises:
        Fatal: the server can't listen on this host and port.
    """
    serve_app(metrics_app(metrics, AllowedHosts([host, *allowed_hosts]), customers), host, port)


def serve_app(app: ASGIApp, host: str, port: int) -> None:
    """Serve this application in a thread, until this process ends.

    Raises:
        Fatal: the server can't listen on this host and port.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    listener = listen(host, port, serving="metrics", option="--metrics-port")
    server = http_server(app)
    threading.Thread(target=server.run, args=([listener],), name="http port", daemon=True).start()


def health_response(answer: HealthAnswer) -> Response:
    """The answer as JSON: 200 if all is well, else 503."""
    return Response(
        msgspec.json.encode(answer) + b"\n",
        200 if answer.ok else 503,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def metrics_app(metrics: Metrics, hosts: AllowedHosts, customers: CustomerAnswers | None) -> ASGIApp:
    """The pages, for requests whose Host is allowed."""

    async def live(_request: Request) -> Response:
        return health_response(metrics.health.live())

    async def ready(_request: Request) -> Response:
        return health_response(metrics.health.ready())

    pages = [
        Route("/metrics", Exposition(metrics.registry), methods=["GET"]),
        Route("/ready", ready),
        Route("/live", live),
    ]
    app: ASGIApp = Router(pages, redirect_slashes=False, default=PlainTextResponse(NOT_FOUND, 404))
    return HostCheck(
        CustomerPage(app, customers) if customers else app, hosts, PlainTextResponse(WRONG_HOST, 421)
    )
