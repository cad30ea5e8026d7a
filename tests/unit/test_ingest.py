"""For orders, customers and images, ingest is commutative and idempotent, and the ranking is exact.

The oracle here is slow and obvious: dictionaries, `max`, `fractions.Fraction`, none of the project's code.
"""

import copy
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.domain import Aggregate, ingest, top_x_simple_ltv_customers
from contract.errors import InvalidEvent
from tests.unit.weeks import active_weeks

ALL_CUSTOMERS = 1000
Basis = Literal["active", "timeframe"]
BASES: list[Basis] = ["active", "timeframe"]


@dataclass(frozen=True)
class Sent:
    """An event with typed fields for the tests; `plain` is its dictionary as the shop sends it."""

    type: str
    verb: str
    key: str
    customer: str
    at: datetime
    offset_minutes: int = 0
    cents: int = 0
    last_name: str | None = None

    def plain(self) -> dict[str, Any]:
        zone = timezone(timedelta(minutes=self.offset_minutes))
        event: dict[str, Any] = {"type": self.type, "verb": self.verb, "key": self.key}
        event["event_time"] = self.at.astimezone(zone).isoformat()
        if self.type == "CUSTOMER":
            event["last_name"] = self.last_name
        else:
            event["customer_id"] = self.customer
        if self.type == "ORDER":
            event["total_amount"] = f"{self.cents // 100}.{self.cents % 100:02d} USD"
        return event


def wednesday(at: datetime) -> date:
    """One day that represents the week from Sunday to Saturday."""
    return at.date() + timedelta(days=3 - at.isoweekday() % 7)


def dollars(cents: Fraction | int) -> str:
    """Half-even: Python rounds a Fraction so."""
    whole = round(cents)
    return f"{whole // 100}.{whole % 100:02d}"


def recomputed(events: list[Sent], basis: Basis, x: int = ALL_CUSTOMERS) -> list[dict[str, Any]]:
    """The ranking of these events, with all fields of a row except visits per week."""
    by_customer: dict[str, list[Sent]] = defaultdict(list)
    for event in events:
        by_customer[event.customer].append(event)
    times = [event.at for event in events]
    timeframe = (wednesday(max(times)) - wednesday(min(times))).days // 7 + 1 if times else 0
    ranked = []
    for customer, own in by_customer.items():
        versions: dict[str, list[tuple[datetime, bool, int]]] = defaultdict(list)
        for event in own:
            if event.type == "ORDER":
                versions[event.key].append((event.at, event.verb == "UPDATE", event.cents))
        spend = sum(max(of_one)[2] for of_one in versions.values())
        names = [(e.at, e.verb == "UPDATE", e.last_name) for e in own if e.last_name is not None]
        weeks = len({wednesday(event.at) for event in own})
        visits = sum(event.type == "SITE_VISIT" for event in own)
        ltv = 52 * Fraction(spend, weeks if basis == "active" else timeframe) * 10
        row = {
            "customer_id": customer,
            "last_name": max(names)[2] if names else None,
            "ltv": dollars(ltv),
            "total_spend": dollars(spend),
            "weeks": weeks,
            "orders": len(versions),
            "visits": visits,
            "revenue_per_visit": dollars(Fraction(spend, visits)) if visits else None,
        }
        ranked.append((-ltv, customer, row))
    ranked.sort(key=lambda entry: entry[:2])
    return [{"rank": rank, "previous_rank": None, **row} for rank, (*_, row) in enumerate(ranked[:x], 1)]


def state_of(events: list[Sent]) -> Aggregate:
    state = Aggregate()
    for event in events:
        ingest(event.plain(), state)
    return state


def ranking(state: Aggregate, basis: Basis, x: int = ALL_CUSTOMERS) -> list[dict[str, Any]]:
    rows = top_x_simple_ltv_customers(x, state, basis)
    return [{k: v for k, v in msgspec.to_builtins(row).items() if k != "visits_per_week"} for row in rows]


def outcome(state: Aggregate) -> Any:
    """All of the state that order and redelivery must not change, the weeks included."""
    customers = {
        c.id: (c.spend, c.weeks, active_weeks(c), c.orders, c.last_name) for c in state.customers.values()
    }
    totals = (state.orders, state.revenue, state.time_min, state.time_max)
    return customers, totals, [top_x_simple_ltv_customers(ALL_CUSTOMERS, state, basis) for basis in BASES]


# Few ids, few instants, few amounts, so that versions of one order, equal times and ties occur.
SUNDAY = datetime(2017, 1, 8, tzinfo=UTC)
customer_ids = st.sampled_from(["a", "b", "c", "d"])
order_ids = st.sampled_from(["1", "2", "3"])
near_sunday = st.integers(-3, 3).map(lambda n: SUNDAY + timedelta(microseconds=n))
weeks_apart = st.integers(-60, 60).map(lambda n: SUNDAY + timedelta(days=3.5 * n))
anywhere = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))
instants = near_sunday | weeks_apart | anywhere
offsets = st.sampled_from([0, 0, 120, -300, 345, 1439, -1439])
cents = st.sampled_from([0, 1, 100, 150, 10**17]) | st.integers(0, 10**17)
news_and_updates = st.sampled_from(["NEW", "UPDATE"])


@st.composite
def sent(draw: st.DrawFn, types: list[str]) -> Sent:
    type_ = draw(st.sampled_from(types))
    customer, at, offset = draw(customer_ids), draw(instants), draw(offsets)
    match type_:
        case "ORDER":
            return Sent(type_, draw(news_and_updates), draw(order_ids), customer, at, offset, draw(cents))
        case "CUSTOMER":
            name = draw(st.none() | st.sampled_from(["", "Day", "Ødegård"]))
            return Sent(type_, draw(news_and_updates), customer, customer, at, offset, last_name=name)
        case "IMAGE":
            return Sent(type_, "UPLOAD", "image", customer, at, offset)
        case _:
            return Sent(type_, "NEW", "page", customer, at, offset)


idempotent = st.lists(sent(["ORDER", "ORDER", "CUSTOMER", "IMAGE"]), max_size=25)
everything = st.lists(sent(["ORDER", "ORDER", "CUSTOMER", "IMAGE", "SITE_VISIT"]), max_size=25)


@given(idempotent, st.randoms(use_true_random=False))
def test_orders_customers_and_images_give_the_same_state_in_any_order_and_however_often(
    events: list[Sent], chance: random.Random
) -> None:
    redelivered = events + chance.choices(events, k=len(events)) if events else []
    chance.shuffle(redelivered)
    assert outcome(state_of(redelivered)) == outcome(state_of(events))


@given(everything, st.randoms(use_true_random=False))
def test_with_visits_the_order_does_not_matter_either(events: list[Sent], chance: random.Random) -> None:
    shuffled = events[:]
    chance.shuffle(shuffled)
    assert outcome(state_of(shuffled)) == outcome(state_of(events))


@given(everything, st.sampled_from(BASES))
@settings(max_examples=300)
def test_the_ranking_equals_that_of_a_slow_recomputation(events: list[Sent], basis: Basis) -> None:
    assert ranking(state_of(events), basis) == recomputed(events, basis)


@given(everything, st.sampled_from(BASES), st.integers(1, 5))
def test_the_top_x_are_the_first_x_of_the_ranking(events: list[Sent], basis: Basis, x: int) -> None:
    assert ranking(state_of(events), basis, x) == recomputed(events, basis, x)


@given(everything)
def test_the_totals_are_the_sums_over_all_customers(events: list[Sent]) -> None:
    state = state_of(events)
    rows = recomputed(events, "active")
    assert state.events == len(events)
    assert state.orders == sum(row["orders"] for row in rows)
    assert Fraction(state.revenue, 100) == sum(Fraction(row["total_spend"]) for row in rows)
    assert (state.time_min, state.time_max) == (
        (min(e.at for e in events), max(e.at for e in events)) if events else (None, None)
    )


# --- one order ---------------------------------------------------------------------------------------------------

MONDAY = datetime(2017, 1, 9, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)


def order(verb: str, at: datetime, amount: int, *, key: str = "o", customer: str = "c") -> Sent:
    """An order of this amount."""
    return Sent("ORDER", verb, key, customer, at, cents=amount)


@pytest.mark.parametrize(
    ("events", "spend"),
    [
        ([order("NEW", MONDAY, 100), order("UPDATE", TUESDAY, 80)], 80),
        ([order("UPDATE", TUESDAY, 80), order("NEW", MONDAY, 100)], 80),
        ([order("UPDATE", MONDAY, 80), order("NEW", TUESDAY, 100)], 100),
        ([order("NEW", MONDAY, 100), order("UPDATE", MONDAY, 80)], 80),
        ([order("UPDATE", MONDAY, 80), order("NEW", MONDAY, 100)], 80),
        ([order("UPDATE", MONDAY, 80), order("UPDATE", MONDAY, 90)], 90),
        ([order("NEW", MONDAY, 90), order("NEW", MONDAY, 80)], 90),
        ([order("NEW", MONDAY, 100), order("NEW", MONDAY, 100)], 100),
        ([order("UPDATE", MONDAY, 80)], 80),
        ([order("NEW", MONDAY, 100), order("UPDATE", TUESDAY, 0)], 0),
        ([order("UPDATE", TUESDAY, 0), order("NEW", MONDAY, 100)], 0),
        ([order("NEW", MONDAY + timedelta(microseconds=1), 1), order("UPDATE", MONDAY, 10**17)], 1),
        ([order("NEW", MONDAY, 100, key="1"), order("NEW", MONDAY, 100, key="2")], 200),
    ],
)
def test_of_an_orders_versions_the_latest_wins_then_the_update_then_the_larger_amount(
    events: list[Sent], spend: int
) -> None:
    assert state_of(events).customers["c"].spend == spend


def test_the_same_order_id_under_another_customer_is_another_order() -> None:
    state = state_of([order("NEW", MONDAY, 100, customer="a"), order("UPDATE", TUESDAY, 70, customer="b")])
    assert {c.id: c.spend for c in state} == {"a": 100, "b": 70}
    assert state.orders == 2


def test_one_instant_with_two_offsets_is_one_time() -> None:
    """The UPDATE wins although the NEW's local time reads later."""
    new = {**order("NEW", MONDAY, 100).plain(), "event_time": "2017-01-09T14:00:00+02:00"}
    update = {**order("UPDATE", MONDAY, 80).plain(), "event_time": "2017-01-09T12:00:00Z"}
    state = Aggregate()
    for event in (update, new):
        ingest(event, state)
    assert state.customers["c"].spend == 80


@pytest.mark.parametrize("amount", [10**17, 10**17 - 1, 1])
def test_an_amount_of_up_to_10_to_the_15_dollars_is_exact_in_the_years_1_and_9999(amount: int) -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    state = state_of([order("NEW", first, amount, key="1"), order("UPDATE", last, amount, key="2")])
    assert state.customers["c"].spend == state.revenue == 2 * amount


def test_sums_beyond_2_to_the_63_cents_stay_exact() -> None:
    events = [order("NEW", MONDAY, 10**17 - n, key=str(n)) for n in range(1000)]
    exact = 1000 * 10**17 - sum(range(1000))
    assert exact > 2**63
    assert ranking(state_of(events), "active") == recomputed(events, "active")
    assert state_of(events).customers["c"].spend == exact


# --- one customer ------------------------------------------------------------------------------------------------


def named(verb: str, at: datetime, last_name: str | None) -> Sent:
    return Sent("CUSTOMER", verb, "c", "c", at, last_name=last_name)


@pytest.mark.parametrize(
    ("events", "last_name"),
    [
        ([named("NEW", MONDAY, "Smith")], "Smith"),
        ([named("NEW", MONDAY, "Smith"), named("UPDATE", TUESDAY, "Jones")], "Jones"),
        ([named("UPDATE", TUESDAY, "Jones"), named("NEW", MONDAY, "Smith")], "Jones"),
        ([named("UPDATE", MONDAY, "Jones"), named("NEW", MONDAY, "Smith")], "Jones"),
        ([named("NEW", MONDAY, "Smith"), named("NEW", MONDAY, "Jones")], "Smith"),
        ([named("NEW", MONDAY, "Jones"), named("NEW", MONDAY, "Smith")], "Smith"),
        ([named("NEW", MONDAY, "Smith"), named("UPDATE", TUESDAY, None)], "Smith"),
        ([named("NEW", MONDAY, "Smith"), named("UPDATE", TUESDAY, "")], ""),
        ([named("NEW", MONDAY, None)], None),
        ([order("NEW", MONDAY, 1)], None),
    ],
)
def test_the_latest_name_wins_then_the_updates_then_the_alphabetically_last(
    events: list[Sent], last_name: str | None
) -> None:
    assert [row["last_name"] for row in ranking(state_of(events), "active")] == [last_name]


def test_a_customer_without_orders_is_listed_with_zero() -> None:
    (row,) = ranking(state_of([named("NEW", MONDAY, "Smith")]), "active")
    assert (row["ltv"], row["total_spend"], row["orders"], row["revenue_per_visit"]) == (
        "0.00",
        "0.00",
        0,
        None,
    )


def test_a_customer_without_a_customer_event_is_kept() -> None:
    assert ranking(state_of([order("NEW", MONDAY, 100)]), "active")[0]["customer_id"] == "c"


def test_an_event_of_any_type_makes_its_week_active() -> None:
    week = timedelta(days=7)
    events = [
        named("NEW", MONDAY, None),
        Sent("SITE_VISIT", "NEW", "p", "c", MONDAY + week),
        Sent("IMAGE", "UPLOAD", "i", "c", MONDAY + 2 * week),
        order("NEW", MONDAY + 3 * week, 1),
        order("UPDATE", MONDAY - 40 * week, 1),
    ]
    assert state_of(events).customers["c"].weeks == 5


def test_a_late_version_of_an_order_counts_as_activity_though_its_amount_does_not() -> None:
    events = [order("NEW", MONDAY, 100), order("UPDATE", MONDAY - timedelta(days=7), 999)]
    customer = state_of(events).customers["c"]
    assert (customer.spend, customer.weeks) == (100, 2)


def test_a_visit_delivered_again_counts_again_and_changes_no_lifetime_value() -> None:
    visit = Sent("SITE_VISIT", "NEW", "p", "c", MONDAY)
    once, twice = (ranking(state_of([order("NEW", MONDAY, 100), *[visit] * n]), "active")[0] for n in (1, 2))
    assert (once["visits"], twice["visits"]) == (1, 2)
    assert once["ltv"] == twice["ltv"] == "520.00"
    assert (once["revenue_per_visit"], twice["revenue_per_visit"]) == ("1.00", "0.50")


@given(everything, st.sampled_from(BASES))
def test_visits_per_week_is_right_to_four_decimals(events: list[Sent], basis: Basis) -> None:
    times = [event.at for event in events]
    timeframe = (wednesday(max(times)) - wednesday(min(times))).days // 7 + 1 if times else 0
    for row in top_x_simple_ltv_customers(ALL_CUSTOMERS, state_of(events), basis):
        exact = Fraction(row.visits, row.weeks if basis == "active" else timeframe)
        assert abs(Fraction(row.visits_per_week) - exact) <= Fraction(1, 20_000) + Fraction(1, 10**12)


# --- the public functions ----------------------------------------------------------------------------------------


def test_an_invalid_event_does_not_change_the_state() -> None:
    state = state_of([order("NEW", MONDAY, 100), named("NEW", MONDAY, "Smith")])
    before = copy.deepcopy(outcome(state))
    for bad in ({"total_amount": "-1 USD"}, {"event_time": "now"}, {"verb": "DELETE"}, {"customer_id": ""}):
        with pytest.raises(InvalidEvent):
            ingest(order("NEW", TUESDAY, 5, customer="new").plain() | bad, state)
    assert (outcome(state), state.events) == (before, 2)


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "field", [{"key": "\ud800"}, {"extra": nested(100_000)}], ids=["lone surrogate", "endless nesting"]
)
def test_a_value_that_json_cannot_represent_is_an_invalid_event(field: dict[str, Any]) -> None:
    """The json module accepts a lone surrogate."""
    with pytest.raises(InvalidEvent):
        ingest(order("NEW", MONDAY, 100).plain() | field, Aggregate())


@pytest.mark.parametrize(
    "event", [{"key": {1, 2}}, {"key": object()}, {("key",): "x"}], ids=["set", "object", "tuple as name"]
)
def test_a_dictionary_that_is_not_a_plain_event_is_an_invalid_event(event: dict[Any, Any]) -> None:
    with pytest.raises(InvalidEvent):
        ingest(order("NEW", MONDAY, 100).plain() | event, Aggregate())


@pytest.mark.parametrize("x", [0, -1])
def test_a_top_of_less_than_one_is_refused(x: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        top_x_simple_ltv_customers(x, Aggregate())


@pytest.mark.parametrize("basis", BASES)
def test_a_state_without_events_has_an_empty_ranking(basis: Basis) -> None:
    assert top_x_simple_ltv_customers(10, Aggregate(), basis) == []


def test_the_two_bases_differ_if_customers_are_active_in_different_weeks() -> None:
    """The README's example: A orders in weeks 1 and 2, B orders the same total in week 1 only."""
    week = timedelta(days=7)
    events = [
        order("NEW", MONDAY, 5000, key="1", customer="A"),
        order("NEW", MONDAY + week, 5000, key="2", customer="A"),
        order("NEW", MONDAY, 10_000, key="3", customer="B"),
    ]
    state = state_of(events)
    assert [(row["customer_id"], row["ltv"]) for row in ranking(state, "active")] == [
        ("B", "52000.00"),
        ("A", "26000.00"),
    ]
    assert [(row["customer_id"], row["ltv"]) for row in ranking(state, "timeframe")] == [
        ("A", "26000.00"),
        ("B", "26000.00"),
    ]


# --- what changed ------------------------------------------------------------------------------------------------


@given(everything, everything)
def test_take_changes_gives_the_customers_with_events_since_the_last_call_and_their_orders_that_changed(
    before: list[Sent], after: list[Sent]
) -> None:
    state = state_of(before)
    state.take_changes()
    orders_before = {customer.id: dict(customer.orders) for customer in state}
    for event in after:
        ingest(event.plain(), state)
    expected = {
        id_: {
            key
            for key, order in state.customers[id_].orders.items()
            if orders_before.get(id_, {}).get(key) != order
        }
        for id_ in {event.customer for event in after}
    }
    taken = state.take_changes()
    assert len(taken) == len(expected)
    assert {customer.id: set(orders) for customer, orders in taken} == expected
    assert all(state.customers[customer.id] is customer for customer, _ in taken)
    assert state.take_changes() == []


def test_changes_that_will_not_be_taken_are_not_noted() -> None:
    state = Aggregate(notes_changes=False)
    ingest(order("NEW", MONDAY, 100).plain(), state)
    assert state.take_changes() == []
    assert [customer.changed_orders for customer in state] == [None]


def test_an_invalid_event_is_no_change() -> None:
    state = Aggregate()
    with pytest.raises(InvalidEvent):
        ingest(order("NEW", MONDAY, 100).plain() | {"verb": "DELETE"}, state)
    assert state.take_changes() == []
