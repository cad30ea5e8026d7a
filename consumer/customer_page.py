"""The page /customers/ID, or /customers?id=ID, of a worker's HTTP port: one customer from memory, as JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from contract.access_token import AccessToken
from contract.customers import CustomerDetail, NotOwned, StateUnavailable, UnknownCustomer

CUSTOMERS_PATH: Final = "/customers"
ABOUT: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class CustomerAnswers:
    """Who finds customers, and whom to answer."""

    find: Callable[[str], CustomerDetail]
    """As `OwnedCustomers.find`."""
    worker_id: str
    """A client that names another worker in the query gets 421: it has the address of one that is gone."""
    token: AccessToken | None = None
    """Required of each client; None: nothing is required."""


class CustomerPage:
    """Answers requests for a customer, and hands the others on to `app`. An id may have any characters."""

    def __init__(self, app: ASGIApp, answers: CustomerAnswers) -> None:
        self._app, self._answers = app, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's protocol."""
        customer_id = _asked_for(Request(scope)) if scope["type"] == "http" else None
        if customer_id is None:
            await self._app(scope, receive, send)
        else:
            await self._answer(Request(scope), customer_id)(scope, receive, send)

    def _answer(self, request: Request, customer_id: str) -> Response:
        answers = self._answers
        if request.method not in {"GET", "HEAD"}:
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "GET and HEAD only", {"Allow": "GET, HEAD"})
        if answers.token and not answers.token.is_in(request.headers.get("authorization")):
            return _problem(
                HTTPStatus.UNAUTHORIZED, "an access token is required", {"WWW-Authenticate": "Bearer"}
            )
        if request.query_params.get("worker", answers.worker_id) != answers.worker_id:
            return _problem(HTTPStatus.MISDIRECTED_REQUEST, "another worker answers here now")
        try:
            found = answers.find(customer_id)
        except UnknownCustomer as error:
            return _problem(HTTPStatus.NOT_FOUND, str(error), looked_at=error.looked_at)
        except NotOwned as error:
            return _problem(HTTPStatus.MISDIRECTED_REQUEST, str(error))
        except StateUnavailable as error:
            return _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), {"Retry-After": "1"})
        return Response(msgspec.json.encode(found), headers=ABOUT, media_type="application/json")


def _asked_for(request: Request) -> str | None:
    """The id in the path, or in the query: clients resolve the ids . and .. in a path, so these never arrive."""
    path: str = request.scope["path"]
    if path == CUSTOMERS_PATH:
        return request.query_params.get("id")
    return path.removeprefix(f"{CUSTOMERS_PATH}/") if path.startswith(f"{CUSTOMERS_PATH}/") else None


def _problem(
    status: HTTPStatus,
    detail: str,
    headers: Mapping[str, str] | None = None,
    looked_at: Mapping[int, int] | None = None,
) -> Response:
    body: dict[str, object] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
    }
    if looked_at is not None:
        body["looked_at"] = looked_at
    return Response(
        msgspec.json.encode(body),
        status,
        headers={**ABOUT, **(headers or {})},
        media_type="application/problem+json",
    )
