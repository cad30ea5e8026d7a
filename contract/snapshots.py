"""The snapshot: the global top x, as on the topic ltv.snapshots. Money is text with two decimals."""

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
    """The rank in the previous snapshot; null if the customer was not in it."""
    customer_id: str
    """The customer's id, as in its events."""
    last_name: str | None
    """The newest known last name; null if no event had one."""
    ltv: Money
    """52 x (total spend / weeks) x 10, with the weeks of the snapshot's basis."""
    total_spend: Money
    """The sum of all orders."""
    weeks: int
    """Distinct weeks (Sunday to Saturday, UTC) in which the customer was active."""
    orders: int
    """Distinct orders; a changed order counts once."""
    visits: int
    """Site visits."""
    revenue_per_visit: Money | None
    """Total spend / visits; null if there were no visits."""
    visits_per_week: float
    """Visits / weeks, with the weeks of the snapshot's basis; rounded to four decimals."""


class PartitionCoverage(Struct, frozen=True, kw_only=True):
    """How much of one events partition the snapshot counts; nulls if the partition has not reported."""

    partition: int
    """The number of the events partition."""
    next_offset: int | None
    """All records before this offset are counted, and no others."""
    lag_records: int | None
    """Offsets from next_offset to the end for readers of committed records; 0 if no record is left to count."""
    counted_to: str | None
    """All records that were on the partition at this time are counted; RFC 3339 in UTC, null if not known."""
    blocked_s: float | None = None
    """For how long an open transaction of a producer has kept later records from being read; null if for less than
    --blocked-after-s, or not at all."""


class Coverage(Struct, frozen=True, kw_only=True):
    """How much of the events topic the snapshot counts, at the time when it was made."""

    complete: bool
    """Every partition has reported, and behind_s is at most --complete-within-s."""
    behind_s: float | None
    """The greatest possible age of the oldest uncounted record; 0 if all are counted, null if not known."""
    lag_records: int | None
    """The sum over the partitions; null if a partition has not reported."""
    partitions: list[PartitionCoverage]
    """Every partition of the events topic, in order."""


class Totals(Struct, frozen=True, kw_only=True):
    """Sums over the partitions that report."""

    events: int
    """Events ingested; events + dead_letters = records read."""
    customers: int
    """Customers with at least one event."""
    orders: int
    """Distinct orders; a changed order counts once."""
    revenue: Money
    """The sum of all orders."""
    dead_letters: int
    """Records that broke the contract and are on ltv.dead-letters."""


class Snapshot(Struct, frozen=True, kw_only=True):
    """The top x customers by simple lifetime value at one moment, exact for the records it covers."""

    schema_version: int = SCHEMA_VERSION
    """The version of this schema; later versions add fields."""
    sequence: int
    """Grows by one from snapshot to snapshot, also across restarts and changes of owner."""
    emitted_at: str
    """The processing time when it was emitted, RFC 3339 in UTC."""
    x: int
    """The largest possible number of rows."""
    basis: Basis
    """Whose weeks the lifetime values have: the customer's own active ones, or those of all events."""
    timeframe_weeks: int
    """Weeks from event_time_min to event_time_max, both included; 0 if there was no event."""
    event_time_min: str | None
    """The earliest event time, RFC 3339 in UTC; null if there was no event."""
    event_time_max: str | None
    """The latest event time, RFC 3339 in UTC; null if there was no event."""
    coverage: Coverage
    """How much of the events topic is counted."""
    totals: Totals
    """Sums over all customers."""
    rows: list[Row]
    """The ranked customers, best first; at most x."""


_decode = msgspec.json.Decoder(Snapshot).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_NOT_KNOWN: Final = msgspec.Raw(
    msgspec.json.encode(Coverage(complete=False, behind_s=None, lag_records=None, partitions=[]))
)


def decode_snapshot(value: bytes) -> Snapshot:
    """Decode a record's value from ltv.snapshots, of this schema version or of version 1, whose coverage is not known.

    Raises:
        NewerSchema: a newer program wrote it.
        ValueError: it is not a snapshot.
    """
    try:
        fields = _decode_fields(value)
        version = int(fields.get("schema_version", b"0"))
        if version > SCHEMA_VERSION:
            raise NewerSchema(version)
        if version == 1:
            value = msgspec.json.encode({**fields, "coverage": _NOT_KNOWN})
        return _decode(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None


class NewerSchema(Exception):
    """A snapshot of a schema version that this program does not know yet."""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"the snapshot has schema version {version}; this program reads versions up to {SCHEMA_VERSION}: "
            "install a newer ltv"
        )
