"""The OpenAPI document is true: what it lists answers as it says, whatever a client sends."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dashboard.openapi import openapi_document
from tests.dashboard_stage import KnownCustomers, Stage, customer, row, snapshot, stage

SNAPSHOT = snapshot(8, row(1, "first"), row(2, "second", name="=1+1"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""503 is in the document for most operations, and not_a_server_error finds it all the same: nothing here is away."""


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    with stage(SNAPSHOT, customers=KnownCustomers(customer("first"))) as made:
        made.publish(SNAPSHOT)
        yield made


schema = schemathesis.openapi.from_dict(openapi_document())


@schema.exclude(path="/api/stream").parametrize()
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_the_document_says(case: "schemathesis.Case[Any]", served: Stage) -> None:
    case.call_and_validate(base_url=f"http://127.0.0.1:{served.port}", checks=CHECKS)


def test_the_server_has_the_document(served: Stage) -> None:
    document = served.ask("/api/openapi.json").json
    assert document["openapi"].startswith("3.1")
    for path in document["paths"]:
        known = path.replace("{sequence}", "8").replace("{id}", "first")
        query = "?id=first" if path == "/api/customers" else ""
        assert served.ask(known + query, "HEAD").status == 200


def test_every_field_of_every_answer_is_described() -> None:
    schemas = openapi_document()["components"]["schemas"]
    for name in ("Stretch", "Summary", "Standing", "NextRank", "Health", "NewestSnapshot", "ProblemDetails"):
        for field, of in schemas[name]["properties"].items():
            assert "description" in of or "$ref" in str(of), (name, field)
