"""The OpenAPI document is true: what it lists answers as it says, whatever a client sends."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from dashboard.openapi import openapi_document
from tests.dashboard_stage import Stage
from tests.fuzz.dashboard_api import ask, operations, served


@pytest.fixture(scope="module", name="served")
def served_fixture() -> Iterator[Stage]:
    with served() as made:
        yield made


@pytest.mark.parametrize("path", operations())
def test_every_answer_is_as_the_document_says(path: str, served: Stage) -> None:
    outcomes = sum((ask(served, path, random.Random(seed)) for seed in range(3)), Counter[str]())
    assert outcomes["answers 200"] > 0
    assert ("answers 304" in outcomes) == path.startswith("/api/snapshots/")
    assert ("answers 404" in outcomes) == ("{" in path or path == "/api/customers")


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
