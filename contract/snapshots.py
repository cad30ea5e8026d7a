"""The snapshot: the global top x as subscribers of ltv.snapshots get it. Money is text with two decimals."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

SCHEMA_VERSION: Final = 1

Basis = Literal["active", "timeframe"]
Money = Annotated[
    str, Meta(pattern=r"^-?[0-9]+\.[0-9]{2}$", description="US dollars, two decimals, half-even.")
]


class Row(Struct, frozen=True, kw_only=True):
    """One ranked customer."""

    rank: int
    """From 1; equal lifetime values are ranked by customer id."""
    previous_rank: int | None
    """The rank in the snapshot before, None where it was not listed."""
    customer_id: str
    last_name: str | None
    ltv: Money
    """52 x (total spend / weeks) x 10, weeks as the snapshot's basis says."""
    total_spend: Money
    weeks: int
    """Distinct weeks (Sunday to Saturday, UTC) in which the customer was active."""
    orders: int
    visits: int
    revenue_per_visit: Money | None
    """None where there was no visit."""
    visits_per_week: float
    """Visits by weeks, weeks as the snapshot's basis says; rounded to four decimals."""


class Partitions(Struct, frozen=True, kw_only=True):
    """How much of the events topic the snapshot covers."""

    reporting: int
    """Partitions whose figures are in the snapshot."""
    total: int
    """Partitions of the events topic. Only reporting == total is a complete snapshot."""


class Totals(Struct, frozen=True, kw_only=True):
    """Sums over the partitions that report."""

    events: int
    """Events ingested; events + dead_letters = records read."""
    customers: int
    orders: int
    revenue: Money
    dead_letters: int


class Snapshot(Struct, frozen=True, kw_only=True):
    """The top x customers by simple lifetime value at one moment, exact for the records it covers."""

    schema_version: int = SCHEMA_VERSION
    sequence: int
    """Grows by one from snapshot to snapshot, across restarts and changes of owner."""
    emitted_at: str
    """When it was emitted (processing time), RFC 3339 in UTC."""
    x: int
    """How many rows there are at most."""
    basis: Basis
    timeframe_weeks: int
    """Weeks from event_time_min to event_time_max, both included; 0 where there was no event."""
    event_time_min: str | None
    event_time_max: str | None
    partitions: Partitions
    totals: Totals
    rows: list[Row]
