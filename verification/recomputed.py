"""The rules of the figures (README, "What is computed"), written a second time, in SQL.

Money is whole cents, instants are microseconds since a Sunday: all of it is whole numbers of 64 or 128 bits.
"""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final, NamedTuple

from contract.snapshots import Snapshot
from verification.event_check import DAY_US
from verification.event_table import EventTable

WEEK_US: Final = 7 * DAY_US
MAX_EVENTS_OF_CUSTOMER: Final = 1_000

# Of one order the version with the latest time holds; at equal times an UPDATE, then the larger amount.
_CUSTOMERS: Final = f"""
create or replace table customer as
with an_order as (
    select customer, cents from event where type = 'ORDER'
    qualify row_number() over (partition by customer, order_id order by instant desc, is_update desc, cents desc) = 1
), spent as (
    select customer, count(*) as orders, sum(cents) as cents from an_order group by customer
), named as (
    select customer, last_name from event where last_name is not null
    qualify row_number() over (partition by customer order by instant desc, is_update desc, last_name desc) = 1
), active as (
    select customer, count(*) as weeks from (select distinct customer, instant // {WEEK_US} from event)
    group by customer
), visited as (
    select customer, count(*) as visits from event where type = 'SITE_VISIT' group by customer
)
select customer, last_name, coalesce(orders, 0) as orders, coalesce(cents, 0)::hugeint as cents, weeks,
    coalesce(visits, 0) as visits
from active left join spent using (customer) left join named using (customer) left join visited using (customer)
"""
_TOTALS: Final = f"""
select (select count(*) from event) as events, count(*) as customers, coalesce(sum(orders), 0)::bigint as orders,
    coalesce(sum(cents), 0)::hugeint as cents,
    (select coalesce(sum(records), 0)::bigint from left_out) as left_out,
    (select min(instant) from event) as first, (select max(instant) from event) as last,
    (select max(instant) // {WEEK_US} - min(instant) // {WEEK_US} + 1 from event) as frame
from customer
"""
# cents / weeks as a mixed number: two different fractions with denominators below 2^20 differ by more than 2^-40.
_RANKED: Final = """
create or replace table ranked as
select *, row_number() over (
    order by cents // divisor desc, (cents % divisor) * 1099511627776 // divisor desc, customer) as rank
from (select *, (case when $basis = 'active' then weeks else $frame end)::hugeint as divisor from customer)
"""
_ROWS: Final = "select * from ranked where rank <= $x or list_contains($also, customer) order by rank"
_EVENTS_OF: Final = f"""
select source, place, type, is_update, instant, instant // {WEEK_US} as week, order_id, cents, last_name,
    case type when 'ORDER' then row_number() over (
            partition by type, order_id order by instant desc, is_update desc, cents desc, source, place) = 1
        when 'CUSTOMER' then last_name is not null and row_number() over (partition by type, last_name is null
            order by instant desc, is_update desc, last_name desc, source, place) = 1
        else true end as counts
from event where customer = $customer order by source, place limit $limit
"""
_LEFT_OUT: Final = "select source, place, why, records from left_out order by source, place limit $limit"


class Recomputed(NamedTuple):
    """What a snapshot should say."""

    totals: dict[str, Any]
    """The snapshot's fields beside its rows, by name; those of `totals` too."""
    rows: dict[str, dict[str, Any]]
    """Customer -> the fields of its row; the best x, and the others that were asked for, best first."""


def recompute(table: EventTable, snapshot: Snapshot) -> Recomputed:
    """The figures of a snapshot from the events in the table, on its basis, with the customers that it ranks."""
    table.query(_CUSTOMERS)
    [found] = table.query(_TOTALS)
    frame = found["frame"] or 0
    table.query(_RANKED, {"basis": snapshot.basis, "frame": frame})
    also = [row.customer_id for row in snapshot.rows]
    rows = table.query(_ROWS, {"x": snapshot.x, "also": also})
    totals = {
        "events": found["events"],
        "customers": found["customers"],
        "orders": found["orders"],
        "revenue": _dollars(found["cents"]),
        "dead_letters": found["left_out"],
        "timeframe_weeks": frame,
        "event_time_min": time_text(found["first"]),
        "event_time_max": time_text(found["last"]),
    }
    return Recomputed(totals, {row["customer"]: _row(row) for row in rows})


def events_of(table: EventTable, customer: str) -> list[dict[str, Any]]:
    """The events of a customer in the order of their places, at most MAX_EVENTS_OF_CUSTOMER.

    Each has its source and place, and says whether it counts: of an order or name, only the newest version does.
    """
    found = table.query(_EVENTS_OF, {"customer": customer, "limit": MAX_EVENTS_OF_CUSTOMER})
    return [
        {
            "source": each["source"],
            "place": each["place"],
            "type": each["type"],
            "is_update": each["is_update"],
            "event_time": time_text(each["instant"]),
            "week": _sunday(each["week"]),
            "order_id": each["order_id"],
            "amount": None if each["cents"] is None else _dollars(each["cents"]),
            "last_name": each["last_name"],
            "counts": each["counts"],
        }
        for each in found
    ]


def left_out(table: EventTable, limit: int) -> list[dict[str, Any]]:
    """The first records that break the contract: source, place, why, and for how many records it stands."""
    return table.query(_LEFT_OUT, {"limit": limit})


def _row(found: dict[str, Any]) -> dict[str, Any]:
    cents, divisor, visits = found["cents"], found["divisor"], found["visits"]
    return {
        "rank": found["rank"],
        "customer_id": found["customer"],
        "last_name": found["last_name"],
        "ltv": _dollars(Fraction(52 * cents * 10, divisor)),
        "total_spend": _dollars(cents),
        "weeks": found["weeks"],
        "orders": found["orders"],
        "visits": visits,
        "revenue_per_visit": _dollars(Fraction(cents, visits)) if visits else None,
        "visits_per_week": round(visits / divisor, 4),
    }


def _dollars(cents: Fraction | int) -> str:
    """Cents as dollars with two decimals, half-even."""
    whole = round(cents)
    return f"{whole // 100}.{whole % 100:02d}"


def time_text(instant: int | None) -> str | None:
    """An instant as RFC 3339 text in UTC."""
    if instant is None:
        return None
    at = datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant - DAY_US)
    return at.isoformat().replace("+00:00", "Z")


def _sunday(week: int) -> str:
    return (time_text(max(week * WEEK_US, DAY_US)) or "")[:10]
