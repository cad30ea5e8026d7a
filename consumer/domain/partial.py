"""A partial: the top x and totals of one events partition. The partials of all partitions merge into the snapshot.

Customers are partitioned, so the global top x lies within the union of the partitions' top x.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from consumer.domain.state import Standing, StateTotals
from contract.lifetime_value import ltv_cents, rank_position
from contract.money import divide_half_even, money, parse_money
from contract.partition_owners import PartitionOwner
from contract.snapshots import Basis, Coverage, Money, Row, Snapshot, Totals
from contract.times import time_text
from contract.weeks import weeks_between


class Partial(PartitionOwner, frozen=True, kw_only=True):
    """The contribution of one partition, up to (not including) its input offset `next_offset`, and who owns it."""

    x: int
    basis: Basis
    events: int
    dead_letters: int
    customers: int
    orders: int
    revenue: Money
    time_min: datetime | None
    time_max: datetime | None
    standings: list[Standing]
    """The partition's top x, best first."""


def partial_of(
    totals: StateTotals,
    best: list[Standing],
    *,
    x: int,
    basis: Basis,
    next_offset: int = 0,
    dead_letters: int = 0,
) -> Partial:
    """The partial of a state with these totals, whose top x is `best`."""
    return Partial(
        x=x,
        basis=basis,
        next_offset=next_offset,
        events=totals.events,
        dead_letters=dead_letters,
        customers=totals.customers,
        orders=totals.orders,
        revenue=money(totals.revenue),
        time_min=totals.time_min,
        time_max=totals.time_max,
        standings=best,
    )


def on_basis(partials: Mapping[int, Partial], basis: Basis) -> dict[int, Partial]:
    """The partials on this basis; rankings on different bases can't be merged."""
    return {number: partial for number, partial in partials.items() if partial.basis == basis}


def merge(
    partials: Iterable[Partial],
    *,
    x: int,
    basis: Basis,
    coverage: Coverage,
    sequence: int,
    emitted_at: str,
    previous_ranks: Mapping[str, int],
) -> Snapshot:
    """The global snapshot; all partials are on this basis.

    If a partial was cut at fewer rows than x (its writer had a smaller --top), the snapshot's x is that smaller number:
    further rows would not be certain.
    """
    reporting = list(partials)
    x = min([x, *(p.x for p in reporting if p.customers > p.x)])
    time_min = min((p.time_min for p in reporting if p.time_min), default=None)
    time_max = max((p.time_max for p in reporting if p.time_max), default=None)
    timeframe_weeks = weeks_between(time_min, time_max)
    best = sorted(
        (s for p in reporting for s in p.standings),
        key=lambda s: rank_position(s.customer_id, parse_money(s.spend), s.weeks, basis),
    )[:x]
    return Snapshot(
        sequence=sequence,
        emitted_at=emitted_at,
        x=x,
        basis=basis,
        timeframe_weeks=timeframe_weeks,
        event_time_min=time_text(time_min),
        event_time_max=time_text(time_max),
        coverage=coverage,
        totals=Totals(
            events=sum(p.events for p in reporting),
            customers=sum(p.customers for p in reporting),
            orders=sum(p.orders for p in reporting),
            revenue=money(sum(parse_money(p.revenue) for p in reporting)),
            dead_letters=sum(p.dead_letters for p in reporting),
        ),
        rows=[
            _row(rank, s, s.weeks if basis == "active" else timeframe_weeks, previous_ranks)
            for rank, s in enumerate(best, 1)
        ],
    )


def _row(rank: int, standing: Standing, weeks: int, previous_ranks: Mapping[str, int]) -> Row:
    spend = parse_money(standing.spend)
    visits = standing.visits
    return Row(
        rank=rank,
        previous_rank=previous_ranks.get(standing.customer_id),
        customer_id=standing.customer_id,
        last_name=standing.last_name,
        ltv=money(ltv_cents(spend, weeks)),
        total_spend=standing.spend,
        weeks=standing.weeks,
        orders=standing.orders,
        visits=visits,
        revenue_per_visit=money(divide_half_even(spend, visits)) if visits else None,
        visits_per_week=round(visits / weeks, 4),
    )
