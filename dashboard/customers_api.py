"""/api/customers/{id}, or ?id=: one customer on demand, and where it stands in the newest snapshot."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Final, Protocol

from msgspec import structs
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contract.customers import CustomerDetail, UnknownCustomer
from contract.errors import LtvError
from contract.events import MAX_ID_CHARS
from dashboard.answers import KEEP_NOTHING, Problem, json_response, later
from dashboard.broadcast import Broadcast
from dashboard.standing import Standing, standing

ASKED_AT_ONCE: Final = 4
MOST_WAITING: Final = 64


class CustomerSource(Protocol):
    """Knows every customer; called in several threads."""

    def find_customer(self, customer_id: str) -> CustomerDetail:
        """One customer.

        Raises:
            UnknownCustomer: there is no event of this customer.
            LtvError: its figures can't be read now.
        """


class CustomerAnswer(CustomerDetail, frozen=True, kw_only=True):
    """One customer, exact for all records of its partition before `next_offset`, and its standing."""

    standing: Standing | None
    """Beside the newest snapshot; null if there is none yet."""


class CustomersApi:
    """The routes."""

    def __init__(self, broadcast: Broadcast, source: CustomerSource) -> None:
        self._broadcast, self._source = broadcast, source
        self._threads = ThreadPoolExecutor(ASKED_AT_ONCE, "customers")
        self._waiting = 0

    def routes(self) -> list[Route]:
        """The routes of the customers: with the id in the path, and for ids that are lost there, in the query."""
        return [
            Route("/api/customers", self._in_query),
            Route("/api/customers/{customer_id:text}", self._in_path),
        ]

    async def _in_path(self, request: Request) -> Response:
        return await self._customer(request.path_params["customer_id"])

    async def _in_query(self, request: Request) -> Response:
        customer_id = request.query_params.get("id")
        if not customer_id:
            raise Problem(HTTPStatus.BAD_REQUEST, "id: give the id of a customer")
        return await self._customer(customer_id)

    async def _customer(self, customer_id: str) -> Response:
        if len(customer_id) > MAX_ID_CHARS:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"no customer has an id of more than {MAX_ID_CHARS} characters"
            )
        if self._waiting >= MOST_WAITING:
            raise later("too many requests for customers at once")
        self._waiting += 1
        try:
            found = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._source.find_customer, customer_id
            )
        except UnknownCustomer as error:
            raise Problem(HTTPStatus.NOT_FOUND, str(error)) from None
        except LtvError:
            raise later("the figures of this customer can't be read now") from None
        finally:
            self._waiting -= 1
        newest = self._broadcast.recent.newest
        beside = standing(found, newest.snapshot) if newest else None
        return json_response(CustomerAnswer(**structs.asdict(found), standing=beside), KEEP_NOTHING)

    def close(self) -> None:
        """End the threads; a customer that is being looked for is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
