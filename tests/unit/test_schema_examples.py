"""event.schema.json refuses the same events as the consumer, except for times."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import contract.schemas
from consumer.domain import Aggregate, ingest
from contract.errors import InvalidEvent

SCHEMAS = Path(contract.schemas.__file__).parent
CHALLENGE: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "samples" / "challenge.json").read_bytes()
)
ORDER = {
    "type": "ORDER",
    "verb": "NEW",
    "key": "o",
    "event_time": "2017-01-06T12:46:46Z",
    "customer_id": "c",
    "total_amount": "12.34 USD",
}
EVENT = Draft202012Validator(json.loads((SCHEMAS / "event.schema.json").read_bytes()))


@pytest.mark.parametrize("name", [path.name for path in sorted(SCHEMAS.glob("*.json"))])
def test_each_schema_is_a_valid_schema(name: str) -> None:
    Draft202012Validator.check_schema(json.loads((SCHEMAS / name).read_bytes()))


@pytest.mark.parametrize("event", CHALLENGE, ids=lambda event: f"{event['type']} {event['key']}")
def test_the_sample_events_pass_the_schema(event: dict[str, Any]) -> None:
    EVENT.validate(event)


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "SALE"},
        {"type": "order"},
        {"verb": "UPLOAD"},
        {"key": ""},
        {"key": "x" * 257},
        {"key": 1},
        {"customer_id": None},
        {"event_time": 1483706806},
        {"total_amount": 12.34},
        {"total_amount": "-12.34 USD"},
        {"total_amount": "12.34 EUR"},
        {"total_amount": "12.345 USD"},
        {"total_amount": "12.34 USD\n"},
        {"total_amount": "1000000000000000.01 USD"},
        {"type": "SITE_VISIT", "tags": [{"a": []}]},
        {"type": "SITE_VISIT", "verb": "UPDATE"},
        {"type": "CUSTOMER", "last_name": 5},
    ],
    ids=repr,
)
def test_schema_and_consumer_refuse_the_same_bad_events(changes: dict[str, Any]) -> None:
    bad = ORDER | changes
    assert not EVENT.is_valid(bad)
    with pytest.raises(InvalidEvent):
        ingest(bad, Aggregate())


@pytest.mark.parametrize("field", ORDER)
def test_schema_and_consumer_require_the_same_fields(field: str) -> None:
    bad = {name: value for name, value in ORDER.items() if name != field}
    assert not EVENT.is_valid(bad)
    with pytest.raises(InvalidEvent):
        ingest(bad, Aggregate())


def test_the_schema_allows_unknown_extra_fields() -> None:
    EVENT.validate(ORDER | {"extra": [1]})
