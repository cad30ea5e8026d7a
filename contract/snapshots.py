"""The snapshot: the global top x as subscribers of ltv.snapshots get it. Money is text with two decimals."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

SCHEMA_VERSION: Final = 2

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


class PartitionCoverage(Struct, frozen=True, kw_only=True):
    """How much of one events partition the snapshot counts; nulls where the partition has not reported."""

    partition: int
    next_offset: int | None
    """All records before this offset are counted, and no other."""
    lag_records: int | None
    """Offsets from there to the end that readers of committed records can get; 0 where there is no record to get."""
    counted_to: str | None
    """All records that were on the partition at this time are counted; RFC 3339 in UTC, null where it is not known."""


class Coverage(Struct, frozen=True, kw_only=True):
    """How much of the events topic the snapshot counts, at the moment when it was made."""

    complete: bool
    """Every partition has reported, and behind_s is small enough (--complete-within-s)."""
    behind_s: float | None
    """The oldest record that is not counted yet is at most so old; 0 where all are, null where that is not known."""
    lag_records: int | None
    """The sum over the partitions; null where a partition has not reported."""
    partitions: list[PartitionCoverage]
    """Every partition of the events topic, in order."""


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
    coverage: Coverage
    totals: Totals
    rows: list[Row]


_decode = msgspec.json.Decoder(Snapshot).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NOT_KNOWN: Final = msgspec.Raw(
    msgspec.json.encode(Coverage(complete=False, behind_s=None, lag_records=None, partitions=[]))
)


def decode_snapshot(value: bytes) -> Snapshot:
    """A record's value of ltv.snapshots, of this schema or, with a coverage that is not known, of version 1.

    Raises:
        NewerSchema: a newer program wrote it.
        ValueError: it is no snapshot.
    """
    fields = _decode_fields(value)
    version = int(fields.get("schema_version", b"0"))
    if version > SCHEMA_VERSION:
        raise NewerSchema(version)
    if version == 1:
        value = msgspec.json.encode({**fields, "coverage": _NOT_KNOWN})
    return _decode(value)


class NewerSchema(Exception):
    """A snapshot of a schema version that this program does not know yet."""

    def __init__(self, version: int) -> None:
        super().__init__(f"schema version {version}")
        self.version = version
