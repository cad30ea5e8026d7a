"""The dashboard's API answers as its OpenAPI document says, whatever a client sends."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy
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

SNAPSHOT: Final = snapshot(8, row(1, "first"), row(2, "second", name="=1+1"))
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
    """A dashboard with a snapshot and a customer."""
    with stage(SNAPSHOT, customers=KnownCustomers(customer("first"))) as made:
        made.publish(SNAPSHOT)
        yield made


def validate(case: "schemathesis.Case[Any]", dashboard: Stage) -> int:
    """Send a request, and check the answer; returns its status."""
    address = f"http://127.0.0.1:{dashboard.port}"
    return case.call_and_validate(base_url=address, checks=CHECKS).status_code


def check(draw: random.Random) -> Counter[str]:
    """Send requests to every operation of a new dashboard."""
    outcomes: Counter[str] = Counter()
    with served() as dashboard:
        for requests in _requests():

            @seed(draw.randrange(1 << 40))
            @settings(
                max_examples=REQUESTS, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            @given(case=requests)
            def answers_as_documented(case: "schemathesis.Case[Any]") -> None:
                outcomes[str(validate(case, dashboard))] += 1

            answers_as_documented()
    return outcomes


@cache
def _requests() -> Sequence[SearchStrategy[Any]]:
    """Requests to each operation."""
    found = [each.ok() for each in SCHEMA.get_all_operations() if isinstance(each, Ok)]
    assert found
    return [operation.as_strategy() for operation in found]
