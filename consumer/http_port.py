"""The HTTP port of a worker: /metrics, /ready, /live and /customers/, from a thread with uvicorn.

A slow or silent client holds a connection for a few seconds at most, and never keeps another client out: every answer
closes its connection, and where too many are open, the oldest is closed.
"""

import socket
import threading
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

from prometheus_client import CollectorRegistry, make_asgi_app
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol

from consumer.allowed_hosts import AllowedHosts
from consumer.customer_page import CustomerAnswers, CustomerPage
from consumer.metrics import Metrics
from contract.errors import Fatal

MAX_CONNECTIONS: Final = 128
CONNECTION_S: Final = 5.0
"""How long a connection lives, from its opening, whatever its client sends or reads."""
ACCEPTED_AT_ONCE: Final = 32
"""Connections accepted between two steps of those that are open: a new one is answered before 128 others come."""
MAX_HEADER_BYTES: Final = 16 * 1024
LAST_PORT: Final = 65_535

WRONG_HOST: Final = (
    "this Host is not served; --metrics-allowed-hosts (LTV_METRICS_ALLOWED_HOSTS) adds a name\n"
)
NOT_FOUND: Final = "not found; try /metrics, /ready or /live\n"


def serve(
    metrics: Metrics,
    host: str,
    port: int,
    allowed_hosts: Sequence[str] = (),
    customers: CustomerAnswers | None = None,
) -> None:
    """Serve /metrics, /ready (503 until ready), /live and /customers/ in a thread, until this process ends.

    Args:
        metrics: what is served.
        host: the address to listen on; it is allowed as a Host, too.
        port: the port to listen on.
        allowed_hosts: names, beside those of `AllowedHosts`, that requests may have as Host.
        customers: the answers of /customers/; None: there is no such page.

    Raises:
        Fatal: the server can't listen on this host and port.
    """
    listener = _listener(host, port)
    config = Config(
        metrics_app(metrics, AllowedHosts([host, *allowed_hosts]), customers),
        loop="asyncio",
        http=BriefConnection,
        ws="none",
        interface="asgi3",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        workers=1,
        proxy_headers=False,
        server_header=False,
        headers=[("Connection", "close")],
        backlog=ACCEPTED_AT_ONCE,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
    server = Server(config)
    threading.Thread(target=server.run, args=([listener],), name="http port", daemon=True).start()


def _listener(host: str, port: int) -> socket.socket:
    if port > LAST_PORT:
        raise Fatal(
            f"can't serve metrics on port {port}: ports end at {LAST_PORT}; choose a smaller --metrics-port"
        )
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family = min(each[0] for each in found)  # IPv4, where the name has both.
        return socket.create_server((host, port), family=family, backlog=ACCEPTED_AT_ONCE)
    except OSError as error:
        raise Fatal(
            f"can't serve metrics on {host}:{port}: {error.strerror}; choose another --metrics-port"
        ) from None


class BriefConnection(H11Protocol):
    """A connection that is closed CONNECTION_S after its opening, and earlier where MAX_CONNECTIONS newer ones come."""

    def connection_made(self, transport: Any) -> None:
        """Start the connection's time, and close the oldest one if there are too many."""
        super().connection_made(transport)
        self._opened_at = self.loop.time()
        self._end = self.loop.call_later(CONNECTION_S, transport.abort)
        if len(self.connections) > MAX_CONNECTIONS:
            oldest = min(self.connections, key=attrgetter("_opened_at"))
            self.connections.discard(oldest)
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what refers back to the connection: a worker's garbage collector is off, and would be needed."""
        self._end.cancel()
        super().connection_lost(exc)
        self.cycle = None  # type: ignore[assignment]
        transport: Any = self.transport
        transport._read_ready_cb = None  # asyncio's transport keeps a bound method of its own.


def metrics_app(metrics: Metrics, hosts: AllowedHosts, customers: CustomerAnswers | None) -> ASGIApp:
    """The pages, for requests whose Host is allowed."""

    async def live(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("live\n")

    async def ready(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("ready\n") if metrics.is_ready else PlainTextResponse("not ready\n", 503)

    pages = [
        Route("/metrics", _Exposition(metrics.registry), methods=["GET"]),
        Route("/ready", ready),
        Route("/live", live),
    ]
    app: ASGIApp = Router(pages, redirect_slashes=False, default=PlainTextResponse(NOT_FOUND, 404))
    return _HostCheck(CustomerPage(app, customers) if customers else app, hosts)


class _Exposition:
    """The registry in Prometheus' format. A class, for Starlette takes a function for one that returns an answer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._app = make_asgi_app(registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class _HostCheck:
    """Answers 421 to a request whose Host is not allowed. Only HTTP/1.0, which no browser speaks, may leave it out."""

    def __init__(self, app: ASGIApp, hosts: AllowedHosts) -> None:
        self._app, self._hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = Headers(scope=scope).get("host")
        allowed = host is None or self._hosts.allow(host)
        await (self._app if allowed else PlainTextResponse(WRONG_HOST, 421))(scope, receive, send)
