"""The original problem's events, out of order, with duplicates and late versions, give the ranking computed by hand."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from consumer.domain import ingest, top_x_simple_ltv_customers
from consumer.domain.state import State
from consumer.new_state import new_state
from contract.snapshots import Row
from contract.weeks import weeks_between

pytestmark = pytest.mark.usefixtures("both")

SAMPLES = Path(__file__).parents[1] / "samples"
EVENTS: list[dict[str, Any]] = json.loads((SAMPLES / "challenge.json").read_bytes())
EXPECTED: dict[str, Any] = json.loads((SAMPLES / "challenge.expected.json").read_bytes())


def state_of(events: list[dict[str, Any]]) -> State:
    state = new_state()
    for event in events:
        ingest(event, state)
    return state


def as_expected(rows: list[Row]) -> list[dict[str, Any]]:
    return [{name: getattr(row, name) for name in EXPECTED["active"][0]} for row in rows]


def test_the_ranking_is_right_to_the_cent() -> None:
    assert as_expected(top_x_simple_ltv_customers(10, state_of(EVENTS))) == EXPECTED["active"]


@pytest.mark.parametrize("x", [1, 2, 3])
def test_a_smaller_x_gives_the_first_rows(x: int) -> None:
    assert as_expected(top_x_simple_ltv_customers(x, state_of(EVENTS))) == EXPECTED["active"][:x]


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_the_events_gives_the_same_ranking(seed: int) -> None:
    shuffled = random.Random(seed).sample(EVENTS, len(EVENTS))
    assert as_expected(top_x_simple_ltv_customers(10, state_of(shuffled))) == EXPECTED["active"]


def test_over_the_time_frame_all_customers_share_its_weeks() -> None:
    """Computed by hand: 520 x spend / 3."""
    state = state_of(EVENTS)
    assert weeks_between(*state.totals()[-2:]) == EXPECTED["timeframe_weeks"]
    rows = top_x_simple_ltv_customers(10, state, "timeframe")
    assert [(row.customer_id, row.ltv) for row in rows] == [
        ("cy", "17333.33"),
        ("anna", "16005.60"),
        ("bo", "6933.33"),
        ("di", "0.00"),
    ]


def test_the_latest_names_are_in_the_rows() -> None:
    names = {row.customer_id: row.last_name for row in top_x_simple_ltv_customers(10, state_of(EVENTS))}
    assert names == {"anna": "Smith", "bo": "Ødegård", "cy": None, "di": "Day"}
