"""The dashboard's application: its routes, and what every request passes through."""

from http import HTTPStatus
from traceback import extract_tb
from typing import Final

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from dashboard.access_check import AccessCheck, Gate, login_route
from dashboard.answers import ASK_AGAIN, Problem, json_response, problem_response
from dashboard.broadcast import Broadcast
from dashboard.customers_api import CustomersApi
from dashboard.dashboard_metrics import DashboardMetrics
from dashboard.health_api import HealthApi
from dashboard.openapi import openapi_document
from dashboard.pages import Pages
from dashboard.past_snapshots import PastSnapshots
from dashboard.response_headers import ResponseHeaders, safe_headers
from dashboard.settings import DashboardSettings
from dashboard.snapshots_api import SnapshotsApi
from dashboard.stream_api import StreamApi
from web.allowed_hosts import AllowedHosts, HostCheck
from web.exposition import Exposition

WRONG_HOST: Final = "this Host is not served; --allowed-hosts (LTV_DASHBOARD_ALLOWED_HOSTS) adds a name"
COMPRESSION: Final = 5
"""Half of the time of the highest level, for a hundredth more bytes."""

log = structlog.get_logger()


def dashboard_app(
    settings: DashboardSettings,
    broadcast: Broadcast,
    past: PastSnapshots,
    customers: CustomersApi,
    metrics: DashboardMetrics,
) -> ASGIApp:
    """The application, from the parts that it asks."""
    pages = Pages()
    routes = [
        *SnapshotsApi(broadcast, past).routes(),
        *StreamApi(broadcast, past, metrics, settings.most_subscribers).routes(),
        *customers.routes(),
        *HealthApi(broadcast, metrics).routes(),
        Route("/api/openapi.json", _OpenApi().answer),
        Route("/metrics", Exposition(metrics.registry), methods=["GET"]),
        *pages.routes(),
    ]
    through = [Middleware(GZipMiddleware, compresslevel=COMPRESSION)]
    if settings.allowed_origins:
        through.insert(0, _cors(settings))
    if settings.token:
        gate = Gate(settings.token)
        routes.append(login_route(gate, pages))
        through.append(Middleware(AccessCheck, gate=gate, pages=pages))
    app = Starlette(
        routes=routes,
        middleware=through,
        exception_handlers={HTTPException: _http_error, Problem: _problem, Exception: _bug},
    )
    app.router.redirect_slashes = False
    refusal = problem_response(Problem(HTTPStatus.MISDIRECTED_REQUEST, WRONG_HOST))
    hosts = AllowedHosts([settings.host, *settings.allowed_hosts])
    return ResponseHeaders(HostCheck(app, hosts, refusal), safe_headers(settings.frame_ancestors))


def _cors(settings: DashboardSettings) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=["GET"],
        allow_headers=["Authorization", "Last-Event-ID"],
        expose_headers=["ETag", "Retry-After"],
    )


class _OpenApi:
    """The document, made once."""

    def __init__(self) -> None:
        self._document = openapi_document()

    async def answer(self, _request: Request) -> Response:
        return json_response(self._document, ASK_AGAIN)


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error)


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {
        404: "there is nothing at this address; /api/openapi.json has the addresses",
        405: "this address answers to GET and HEAD only",
    }
    status = HTTPStatus(error.status_code)
    return problem_response(Problem(status, details.get(status, error.detail), error.headers))


async def _bug(_request: Request, error: Exception) -> Response:
    where = extract_tb(error.__traceback__)[
        -1
    ]  # The error's text may have a customer's, which no log shall have.
    log.error("request failed", error=type(error).__name__, where=f"{where.filename}:{where.lineno}")
    return problem_response(
        Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of the program; its log says more")
    )
