"""The expected snapshot, computed by DuckDB from the dumped topic. This module imports nothing of the project.

A record without the header RUBBISH is valid: the load marks the invalid ones. Times are compared as instants, money
as whole cents, the ranking by spend / weeks in 128-bit whole numbers.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import duckdb

from tests.faults.load import RUBBISH
from tests.faults.topics import Record

EVENTS: Final = """
create table event as
select "partition", event->>'type' as type, event->>'verb' = 'UPDATE' as is_update, event->>'key' as key,
    coalesce(event->>'customer_id', event->>'key') as customer, event->>'last_name' as last_name,
    (event->>'event_time')::timestamp as instant,
    (split_part(event->>'total_amount', ' ', 1)::decimal(20, 2) * 100)::hugeint as cents
from read_json($path, format = 'newline_delimited', columns = {'partition': 'int', 'event': 'json'},
    maximum_object_size = 16777216)
"""

# The winning version of an order: latest time, then UPDATE over NEW, then the larger amount. Weeks begin on Sundays.
CUSTOMERS: Final = """
create table customer as
with orders as (
    select customer, cents from event where type = 'ORDER'
    qualify row_number() over (partition by customer, key order by instant desc, is_update desc, cents desc) = 1
), spend as (
    select customer, count(*) as orders, sum(cents)::hugeint as cents from orders group by customer
), names as (
    select customer, last_name from event where type = 'CUSTOMER' and last_name is not null
    qualify row_number() over (partition by customer order by instant desc, is_update desc, last_name desc) = 1
), activity as (
    select customer, count(distinct date_trunc('week', instant + interval 1 day)) as weeks,
        count(*) filter (type = 'SITE_VISIT') as visits
    from event group by customer
), frame as (
    select date_diff('day', date_trunc('week', min(instant) + interval 1 day),
        date_trunc('week', max(instant) + interval 1 day)) // 7 + 1 as weeks from event
)
select customer, last_name, coalesce(orders, 0) as orders, coalesce(spend.cents, 0)::hugeint as cents, visits,
    activity.weeks, frame.weeks as frame_weeks,
    (case when $basis = 'active' then activity.weeks else frame.weeks end)::hugeint as divisor
from activity left join spend using (customer) left join names using (customer), frame
"""

# Two different fractions of whole numbers with denominators below 2^30 differ by more than 2^-60.
RANKING: Final = """
with ranked as (
    select *, row_number() over (order by (cents * (1::hugeint << 60)) // divisor desc, customer) as rank from customer
)
select rank, customer, last_name, 520 * cents as numerator, divisor, cents, weeks, orders, visits
from ranked order by rank limit $x
"""


def snapshot(records: Iterable[Record], x: int, basis: str) -> dict[str, Any]:
    """The figures of the complete snapshot of these committed records; times as naive UTC."""
    records = list(records)
    rubbish = sum(RUBBISH in record.headers for record in records)
    with duckdb.connect() as db, tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "events.ndjson"
        with path.open("wb") as file:
            for record in records:
                if RUBBISH not in record.headers:
                    event = (record.value or b"").replace(b"\n", b" ")
                    file.write(b'{"partition":%d,"event":%b}\n' % (record.partition, event))
        db.execute(EVENTS, {"path": str(path)})
        db.execute(CUSTOMERS, {"basis": basis})
        totals = db.execute(
            "select (select count(*) from event), count(*), sum(orders), sum(cents), max(frame_weeks) from customer"
        ).fetchall()[0]
        times = db.execute("select min(instant), max(instant) from event").fetchall()[0]
        rows = db.execute(RANKING, {"x": x}).fetchall()
    events, customers, orders, revenue, frame_weeks = totals
    return {
        "totals": {
            "events": events,
            "customers": customers,
            "orders": int(orders or 0),
            "revenue": _money(int(revenue or 0)),
            "dead_letters": rubbish,
        },
        "event_time_min": times[0],
        "event_time_max": times[1],
        "timeframe_weeks": frame_weeks or 0,
        "rows": [
            {
                "rank": rank,
                "customer_id": customer,
                "last_name": last_name,
                "ltv": _money(_half_even(numerator, divisor)),
                "total_spend": _money(cents),
                "weeks": weeks,
                "orders": orders,
                "visits": visits,
                "revenue_per_visit": _money(_half_even(cents, visits)) if visits else None,
            }
            for rank, customer, last_name, numerator, divisor, cents, weeks, orders, visits in rows
        ],
    }


def _half_even(numerator: int, divisor: int) -> int:
    quotient, rest = divmod(numerator, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2))


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
