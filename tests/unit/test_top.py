"""The incremental top x equals a full sort after every step, whichever customers leave and reenter it."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from consumer.domain import Aggregate, top
from consumer.domain.ingest import ingest_events
from consumer.domain.top import Top
from contract.events import ImageEvent, OrderEvent

Basis = Literal["active", "timeframe"]
SUNDAY = datetime(2017, 1, 1, tzinfo=UTC)


@pytest.fixture
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small pool, so that a few customers overflow it, and a few losses empty it."""
    monkeypatch.setattr(top, "MIN_POOL", 2)
    monkeypatch.setattr(top, "POOL_PER_X", 1)
    monkeypatch.setattr(top, "SHRINK_AT", 2)


def order(state: Aggregate, customer: str, cents: int, *, version: int = 0) -> None:
    """Set the amount of the customer's only order; a later version replaces an earlier one, up or down."""
    at = SUNDAY + timedelta(microseconds=version)
    ingest_events([OrderEvent("UPDATE", "o", at, customer, cents)], state)


def activity(state: Aggregate, customer: str, week: int) -> None:
    """Make the customer active in this week: if the week is a new one, the lifetime value falls."""
    ingest_events([ImageEvent("UPLOAD", "i", SUNDAY + timedelta(weeks=week), customer)], state)


def full_sort(state: Aggregate, x: int, basis: Basis) -> list[str]:
    """The ids of the top x by exact fractions over the full table."""

    def place(id_: str) -> tuple[Fraction, str]:
        customer = state.customers[id_]
        return -Fraction(customer.spend, customer.weeks if basis == "active" else 1), id_

    return sorted(state.customers, key=place)[:x]


def best_ids(tracked: Top) -> list[str]:
    return [customer.id for customer in tracked.best()]


class Series(RuleBasedStateMachine):
    """Any series of orders, cheaper updates and activity, with the top x updated at some of the steps."""

    @initialize(x=st.integers(1, 4), basis=st.sampled_from(["active", "timeframe"]))
    def begin(self, x: int, basis: Basis) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(top, "MIN_POOL", 2)
        self.patch.setattr(top, "POOL_PER_X", 1)
        self.patch.setattr(top, "SHRINK_AT", 2)
        self.state, self.tracked, self.versions = Aggregate(), Top(x, basis), 0
        self.up_to_date = True

    @rule(customer=st.sampled_from("abcdefghijkl"), dollars=st.integers(0, 5))
    def an_order_changes(self, customer: str, dollars: int) -> None:
        self.versions += 1
        order(self.state, customer, dollars * 100, version=self.versions)
        self.up_to_date = False

    @rule(customer=st.sampled_from("abcdefghijkl"), week=st.integers(0, 6))
    def a_customer_is_active(self, customer: str, week: int) -> None:
        activity(self.state, customer, week)
        self.up_to_date = False

    @rule()
    def update(self) -> None:
        self.tracked.update(self.state.take_changes(), self.state.customers.values())
        self.up_to_date = True

    @invariant()
    def the_best_are_those_of_a_full_sort(self) -> None:
        if self.up_to_date:
            assert best_ids(self.tracked) == full_sort(self.state, self.tracked.x, self.tracked.basis)

    def teardown(self) -> None:
        if hasattr(self, "patch"):
            self.patch.undo()


TestSeries = Series.TestCase
TestSeries.settings = settings(max_examples=100, stateful_step_count=40)


def losses(chance: random.Random, state: Aggregate, tracked: Top) -> Iterator[str]:
    """Endless changes, half of them to the top customers, so that the pool runs empty at times."""
    while True:
        customers = best_ids(tracked) if chance.random() < 0.5 else []
        yield chance.choice(customers or [f"c{chance.randrange(60)}"])


@pytest.mark.parametrize("basis", ["active", "timeframe"])
@pytest.mark.parametrize("x", [1, 10])
@pytest.mark.usefixtures("small_pool")
def test_after_each_of_2000_steps_the_best_are_those_of_a_full_sort(
    x: int, basis: Basis, monkeypatch: pytest.MonkeyPatch
) -> None:
    refills = shrinks = 0
    keep_best = Top._keep_best

    def counting(self: Top, *args: object) -> None:
        nonlocal refills, shrinks
        too_few = len(self._pool) < self.x
        refills, shrinks = refills + too_few, shrinks + (not too_few)
        keep_best(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Top, "_keep_best", counting)
    chance, state, tracked = random.Random(x), Aggregate(), Top(x, basis)
    victims = losses(chance, state, tracked)
    for step in range(2000):
        customer = next(victims)
        if chance.random() < 0.4:
            activity(state, customer, chance.randrange(30))
        else:
            order(state, customer, chance.randrange(1000), version=step)
        tracked.update(state.take_changes(), state.customers.values())
        assert best_ids(tracked) == full_sort(state, x, basis)
    assert refills > 20
    assert shrinks > 0


@pytest.mark.usefixtures("small_pool")
def test_a_customer_that_left_the_top_returns_when_those_above_fall() -> None:
    state, tracked = Aggregate(), Top(2, "active")
    for place, customer in enumerate("abcdefgh"):
        order(state, customer, 1000 - place)
        tracked.update(state.take_changes(), state.customers.values())
    assert best_ids(tracked) == ["a", "b"]
    for customer in "abcdef":
        activity(state, customer, 1)
    tracked.update(state.take_changes(), state.customers.values())
    assert best_ids(tracked) == ["g", "h"]


def test_many_customers_at_once_and_few_later_are_ranked_exactly() -> None:
    """With the pool's real size: more customers than it holds, then losses at the top until it is refilled."""
    state, tracked, x = Aggregate(), Top(200, "active"), 200
    chance = random.Random(7)
    for number in range(6000):
        order(state, f"c{number}", chance.randrange(100_000))
    tracked.update(state.take_changes(), state.customers.values())
    assert best_ids(tracked) == full_sort(state, x, "active")
    for version in range(1, 7):
        for customer in full_sort(state, 190, "active"):
            order(state, customer, 1, version=version)
        tracked.update(state.take_changes(), state.customers.values())
        assert best_ids(tracked) == full_sort(state, x, "active")


@pytest.mark.usefixtures("small_pool")
def test_a_new_customer_without_orders_is_ranked_if_the_top_has_no_orders_either() -> None:
    state, tracked = Aggregate(), Top(2, "active")
    for customer in "bcdef":
        activity(state, customer, 0)
    tracked.update(state.take_changes(), state.customers.values())
    assert best_ids(tracked) == ["b", "c"]
    activity(state, "a", 0)
    tracked.update(state.take_changes(), state.customers.values())
    assert best_ids(tracked) == ["a", "b"]


def test_with_fewer_customers_than_x_all_are_listed() -> None:
    state, tracked = Aggregate(), Top(10, "active")
    order(state, "b", 100)
    order(state, "a", 100)
    tracked.update(state.take_changes(), state.customers.values())
    assert best_ids(tracked) == ["a", "b"]


def test_before_any_update_the_top_is_empty() -> None:
    assert Top(10, "active").best() == []


@pytest.mark.usefixtures("small_pool")
def test_a_top_can_begin_with_a_full_table() -> None:
    """After a restore: all customers are new to it, and none has changed."""
    state, tracked = Aggregate(), Top(2, "active")
    for place, customer in enumerate("abcdefgh"):
        order(state, customer, place)
    state.take_changes()
    tracked.update([], state.customers.values())
    assert best_ids(tracked) == full_sort(state, 2, "active")
