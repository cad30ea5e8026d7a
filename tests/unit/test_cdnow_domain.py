"""Every purchase of CDNOW's customers: the ranking equals a recomputation that knows nothing of the project."""

import csv
import gzip
from collections import defaultdict
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pytest

from consumer.domain import Aggregate, ingest, top_x_simple_ltv_customers

CDNOW = Path(__file__).parents[2] / "producer" / "data" / "CDNOW_master.txt.gz"
TOP = 100

Purchase = tuple[str, date, int]
"""Customer, day, cents."""


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    with gzip.open(CDNOW, "rt") as file:
        rows = csv.reader(file, delimiter=" ", skipinitialspace=True)
        next(rows)
        return [
            (customer, datetime.strptime(day, "%Y%m%d").date(), int(Fraction(amount) * 100))
            for customer, day, _, amount in rows
        ]


@pytest.fixture(scope="module")
def state(purchases: list[Purchase]) -> Aggregate:
    """All purchases ingested: one line is one order at noon, its line number the order id."""
    state = Aggregate()
    for number, (customer, day, cents) in enumerate(purchases, 1):
        event = {
            "type": "ORDER",
            "verb": "NEW",
            "key": str(number),
            "event_time": f"{day}T12:00:00Z",
            "customer_id": customer,
            "total_amount": f"{cents // 100}.{cents % 100:02d} USD",
        }
        ingest(event, state)
    return state


def recomputed(
    purchases: list[Purchase], basis: Literal["active", "timeframe"]
) -> list[tuple[str, str, str, int, int]]:
    """Customer, LTV, spend, weeks, orders of the top; half-even, which is how Python rounds a Fraction."""

    def saturday(day: date) -> date:
        return day + timedelta(days=6 - day.isoweekday() % 7)

    spend: dict[str, int] = defaultdict(int)
    orders: dict[str, int] = defaultdict(int)
    weeks: dict[str, set[date]] = defaultdict(set)
    for customer, day, cents in purchases:
        spend[customer] += cents
        orders[customer] += 1
        weeks[customer].add(saturday(day))
    days = [saturday(day) for _, day, _ in purchases]
    timeframe = (max(days) - min(days)).days // 7 + 1

    def ltv(customer: str) -> Fraction:
        return 52 * Fraction(spend[customer], len(weeks[customer]) if basis == "active" else timeframe) * 10

    def shown(cents: int) -> str:
        return f"{cents // 100}.{cents % 100:02d}"

    best = sorted(spend, key=lambda customer: (-ltv(customer), customer))[:TOP]
    return [(c, shown(round(ltv(c))), shown(spend[c]), len(weeks[c]), orders[c]) for c in best]


def test_the_data_set_is_whole(purchases: list[Purchase]) -> None:
    assert len(purchases) == 69_659
    assert len({customer for customer, *_ in purchases}) == 23_570
    assert (min(day for _, day, _ in purchases), max(day for _, day, _ in purchases)) == (
        date(1997, 1, 1),
        date(1998, 6, 30),
    )


@pytest.mark.parametrize("basis", ["active", "timeframe"])
def test_the_top_100_equal_an_independent_recomputation(
    purchases: list[Purchase], state: Aggregate, basis: Literal["active", "timeframe"]
) -> None:
    rows = top_x_simple_ltv_customers(TOP, state, basis)
    ranked = [(row.customer_id, row.ltv, row.total_spend, row.weeks, row.orders) for row in rows]
    assert ranked == recomputed(purchases, basis)


def test_the_totals_are_those_of_the_file(purchases: list[Purchase], state: Aggregate) -> None:
    assert (state.events, state.orders, len(state.customers)) == (69_659, 69_659, 23_570)
    assert state.revenue == sum(cents for *_, cents in purchases)
