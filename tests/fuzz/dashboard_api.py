"""The dashboard's API answers as its OpenAPI document says, whatever a client sends."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy, booleans, one_of
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dashboard.openapi import openapi_document
from tests.dashboard_stage import KnownCustomers, Stage, customer, row, snapshot, stage

SNAPSHOTS: Final = [
    snapshot(6),
    snapshot(7, row(1, "second"), basis="timeframe"),
    snapshot(8, row(1, "first"), row(2, "second", name="=1+1")),
]
CUSTOMERS: Final = ("first", "second", "ä/ö?%2F &", "..x")
Request = Mapping[str, Mapping[str, str | int]]
"""What of a request is not random."""
_SEQUENCES: Final[list[Request]] = [{"path_parameters": {"sequence": each.sequence}} for each in SNAPSHOTS]
OF_ANY: Final[list[Request]] = [{}, {"headers": {"If-None-Match": "*"}}, {"headers": {"Accept": "text/csv"}}]
KNOWN: Final[Mapping[str, list[Request]]] = {
    "/api/snapshots": [
        {"query": {"since": 7}},
        {"query": {"since": 6, "until": "2026-01-01T00:00:00Z"}},
        {"query": {"since": "2026-01-01T00:00:00+01:00", "limit": 2}},
        {"query": {"until": 7, "limit": 1}},
    ],
    "/api/snapshots/{sequence}": _SEQUENCES,
    "/api/snapshots/{sequence}.csv": _SEQUENCES,
    "/api/customers/{id}": [{"path_parameters": {"id": each}} for each in CUSTOMERS],
    "/api/customers": [{"query": {"id": each}} for each in CUSTOMERS],
}
"""Paths that exist; half of the requests ask for one of them."""
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""503 is in the document for most operations, and not_a_server_error finds it all the same: nothing here is away."""
REQUESTS: Final = 20
"""To each operation, in one check."""
SCHEMA: Final = schemathesis.openapi.from_dict(openapi_document()).exclude(path="/api/stream")
"""What is asked; a stream's answer does not end."""


@contextmanager
def served() -> Iterator[Stage]:
    """A dashboard with these snapshots and customers."""
    with stage(*SNAPSHOTS, customers=KnownCustomers(*map(customer, CUSTOMERS))) as made:
        made.publish(*SNAPSHOTS)
        yield made


@cache
def operations() -> Mapping[str, SearchStrategy[Any]]:
    """Each operation's path, and requests to it: random ones, and some for paths that exist."""
    found = [each.ok() for each in SCHEMA.get_all_operations() if isinstance(each, Ok)]
    assert KNOWN.keys() <= {operation.path for operation in found}
    return {operation.path: _requests(operation) for operation in found}


def _requests(operation: Any) -> SearchStrategy[Any]:
    known = [{**one, **of_any} for one in KNOWN.get(operation.path, [{}]) for of_any in OF_ANY]
    for_known = one_of(*(operation.as_strategy(**each) for each in known))
    at_random = operation.as_strategy()
    return booleans().flatmap(lambda is_known: for_known if is_known else at_random)


def ask(dashboard: Stage, path: str, draw: random.Random) -> Counter[str]:
    """Send requests to an operation, and check the answers; returns how many there were of each status."""
    address = f"http://127.0.0.1:{dashboard.port}"
    outcomes: Counter[str] = Counter()

    @seed(draw.randrange(1 << 40))
    @settings(max_examples=REQUESTS, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=operations()[path])
    def answers_as_documented(case: "schemathesis.Case[Any]") -> None:
        answer = case.call_and_validate(base_url=address, checks=CHECKS)
        outcomes[f"answers {answer.status_code}"] += 1

    answers_as_documented()
    return outcomes


def check(draw: random.Random) -> Counter[str]:
    """Send requests to every operation of a new dashboard."""
    with served() as dashboard:
        return sum((ask(dashboard, path, draw) for path in operations()), Counter[str]())
