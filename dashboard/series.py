"""A stretch of the series of snapshots in short: the figures of each, for charts and for choosing one."""

from typing import Final

from msgspec import Struct

from contract.snapshots import Money, Snapshot

MOST_LEADERS: Final = 10


class Leader(Struct, frozen=True, kw_only=True):
    """One of the first customers of a snapshot."""

    rank: int
    """From 1."""
    customer_id: str
    last_name: str | None
    ltv: Money


class Summary(Struct, frozen=True, kw_only=True):
    """A snapshot in short."""

    sequence: int
    """The snapshot's number, by which /api/snapshots/{sequence} has all of it."""
    emitted_at: str
    """When the snapshot was emitted, RFC 3339 in UTC."""
    complete: bool
    """Whether it counts all events, as in the snapshot's coverage."""
    behind_s: float | None
    """The greatest possible age in seconds of the oldest event that is not counted; null if not known."""
    events: int
    """Events ingested so far; the difference between two snapshots is what came between them."""
    dead_letters: int
    """Invalid events so far."""
    customers: int
    """Customers so far."""
    orders: int
    """Orders so far."""
    revenue: Money
    """Revenue so far."""
    leaders: list[Leader]
    """The first customers, at most 10."""


class Stretch(Struct, frozen=True, kw_only=True):
    """Snapshots of a stretch of time, oldest first."""

    snapshots: list[Summary]
    """Spread evenly over the stretch, where it has more than the limit; the newest of the stretch is among them."""
    thinned: bool
    """Whether the stretch may have more snapshots than these."""


def summary(snapshot: Snapshot) -> Summary:
    """The snapshot in short."""
    return Summary(
        sequence=snapshot.sequence,
        emitted_at=snapshot.emitted_at,
        complete=snapshot.coverage.complete,
        behind_s=snapshot.coverage.behind_s,
        events=snapshot.totals.events,
        dead_letters=snapshot.totals.dead_letters,
        customers=snapshot.totals.customers,
        orders=snapshot.totals.orders,
        revenue=snapshot.totals.revenue,
        leaders=[
            Leader(rank=row.rank, customer_id=row.customer_id, last_name=row.last_name, ltv=row.ltv)
            for row in snapshot.rows[:MOST_LEADERS]
        ],
    )


def spread_offsets(start: int, end: int, most: int) -> range:
    """At most `most` offsets from `start` to before `end`, evenly spread: multiples of a power of two.

    So the offsets of one stretch are nearly those of the same stretch a moment later, and what stands there is known.
    The step is more than 1 if offsets were left out.
    """
    if most < 1:
        return range(end, end, 2)
    step = 1
    while len(found := range(-(-start // step) * step, end, step)) > most:
        step *= 2
    return found
