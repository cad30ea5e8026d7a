"""The figures behind the pictures, from the state that `ingest` filled. Pure; money is whole cents."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from itertools import accumulate, chain, pairwise
from typing import Final, NamedTuple

from consumer.domain.table import CENTS_BITS, CENTS_MASK, Customer, Table
from contract.changelog import active_weeks
from contract.lifetime_value import ltv_cents, rank_position
from contract.snapshots import Basis
from contract.times import time_of_stamp
from contract.weeks import week_number, weeks_between

BEST: Final = 10
LEADERS: Final = 5
MAX_COHORTS: Final = 16
MAX_BARS: Final = 24


class Bar(NamedTuple):
    """How many customers lie in a range: from `low`, included, to `high`, excluded."""

    low: int
    high: int
    customers: int


class Cohort(NamedTuple):
    """The customers who came in one period, and how many of them were active in it and in each later one."""

    first_week: int
    customers: int
    active: list[int]


class Standing(NamedTuple):
    """A customer's place on one basis."""

    rank: int
    customer_id: str
    last_name: str | None
    ltv: int


class Leader(NamedTuple):
    """A leader's lifetime value at the end of each of its active weeks, oldest first."""

    customer_id: str
    last_name: str | None
    course: list[tuple[int, int]]
    """Week, cents."""


@dataclass(frozen=True)
class CustomerFigures:
    """All that the pictures show."""

    customers: int
    events: int
    invalid: int
    revenue: int
    first_week: int
    timeframe_weeks: int
    ltv: list[Bar]
    """On the basis `active`."""
    ltv_sorted: list[int]
    spend: list[Bar]
    spend_sorted: list[int]
    weeks: list[Bar]
    weeks_sorted: list[int]
    cohort_weeks: int
    """How many weeks a cohort's period has."""
    cohorts: list[Cohort]
    best: dict[Basis, list[Standing]]
    leaders: list[Leader]


def figures_of(states: Sequence[Table], invalid: int) -> CustomerFigures:
    """The figures of all customers.

    Args:
        states: one for each partition, or one; every customer is in one of them.
        invalid: how many events were invalid.
    """
    times = [each for state in states for each in (state.time_min, state.time_max) if each is not None]
    first, last = min(times, default=None), max(times, default=None)
    frame = weeks_between(first, last)
    everyone = list(chain.from_iterable(states))
    spend = sorted(c.spend for c in everyone)
    ltv = sorted(ltv_cents(c.spend, c.weeks) for c in everyone)
    weeks = sorted(c.weeks for c in everyone)
    period = max(1, -(-frame // MAX_COHORTS))
    first_week = week_number(first) if first else 0
    return CustomerFigures(
        customers=len(everyone),
        events=sum(state.events for state in states),
        invalid=invalid,
        revenue=sum(state.revenue for state in states),
        first_week=first_week,
        timeframe_weeks=frame,
        ltv=_bars(ltv, money_edges(ltv[-1]) if ltv else []),
        ltv_sorted=ltv,
        spend=_bars(spend, money_edges(spend[-1]) if spend else []),
        spend_sorted=spend,
        weeks=_bars(weeks, _week_edges(weeks[-1]) if weeks else []),
        weeks_sorted=weeks,
        cohort_weeks=period,
        cohorts=_cohorts(everyone, first_week, frame, period),
        best={basis: _best(everyone, basis, frame) for basis in ("active", "timeframe")},
        leaders=[_leader(c) for c in nsmallest(LEADERS, everyone, key=_position("active"))],
    )


def money_edges(largest: int) -> list[int]:
    """The edges 0, 1 cent, 1, 2, 5, 10, 20, 50, ... dollars, up to one beyond `largest` cents."""
    edges = [0, 1]
    dollars = ((step * 10**power) * 100 for power in range(40) for step in (1, 2, 5))
    while edges[-1] <= largest:
        edges.append(next(dollars))
    return edges


def _week_edges(largest: int) -> list[int]:
    width = -(-largest // MAX_BARS)
    return list(range(1, largest + width + 1, width))


def _bars(ascending: Sequence[int], edges: Sequence[int]) -> list[Bar]:
    bars, at = [], 0
    for low, high in pairwise(edges):
        begin = at
        while at < len(ascending) and ascending[at] < high:
            at += 1
        bars.append(Bar(low, high, at - begin))
    return bars


def _weeks_of(customer: Customer) -> list[int]:
    far = customer.far_weeks or {}
    return active_weeks(customer.first_week, [customer.week_bits, *chain.from_iterable(far.items())])


def _cohorts(everyone: Iterable[Customer], first_week: int, frame: int, period: int) -> list[Cohort]:
    periods = -(-frame // period)
    active = [[0] * (periods - number) for number in range(periods)]
    size: Counter[int] = Counter()
    for customer in everyone:
        visited = {(week - first_week) // period for week in _weeks_of(customer)}
        came = min(visited)
        size[came] += 1
        for number in visited:
            active[came][number - came] += 1
    return [Cohort(first_week + n * period, size[n], active[n]) for n in range(periods)]


def _position(basis: Basis) -> Callable[[Customer], tuple[int, str]]:
    return lambda c: rank_position(c.id, c.spend, c.weeks, basis)


def _best(everyone: Iterable[Customer], basis: Basis, frame: int) -> list[Standing]:
    best = nsmallest(BEST, everyone, key=_position(basis))
    return [
        Standing(rank, c.id, c.last_name, ltv_cents(c.spend, c.weeks if basis == "active" else frame))
        for rank, c in enumerate(best, 1)
    ]


def _leader(customer: Customer) -> Leader:
    paid = sorted(
        (week_number(time_of_stamp(version >> CENTS_BITS)), version & CENTS_MASK)
        for version in customer.orders.values()
    )
    return Leader(customer.id, customer.last_name, list(_course(paid, _weeks_of(customer))))


def _course(paid: Sequence[tuple[int, int]], weeks: Sequence[int]) -> Iterator[tuple[int, int]]:
    sums = [0, *accumulate(cents for _, cents in paid)]
    at = 0
    for number, week in enumerate(weeks, 1):
        while at < len(paid) and paid[at][0] <= week:
            at += 1
        yield week, ltv_cents(sums[at], number)
