"""Where a snapshot and its recomputation differ, with the events behind each difference."""

from typing import Any, Final

from msgspec import Struct, structs

from contract.snapshots import Row, Snapshot
from verification.event_table import EventTable
from verification.recomputed import Recomputed, events_of, left_out, recompute

LEFT_OUT_SHOWN: Final = 20


class DifferentTotal(Struct, frozen=True):
    """A figure of the whole snapshot."""

    figure: str
    in_snapshot: Any
    recomputed: Any


class DifferentRow(Struct, frozen=True):
    """A customer whose rows differ."""

    customer_id: str
    fields: list[str]
    """The names of the fields that differ; "row" if only one of the two ranks the customer among the first x."""
    in_snapshot: dict[str, Any] | None
    """Its row, by field; None: the snapshot does not rank it."""
    recomputed: dict[str, Any] | None
    """The same, recomputed; its rank may be beyond x. None: no event of it counts."""
    events: list[dict[str, Any]]
    """The events behind the figures; none if only the rank differs, for that comes from another row."""


class Verdict(Struct, frozen=True):
    """What the recomputation of a snapshot found."""

    sequence: int
    matches: bool
    records: int
    """Records read: events and those that were left out."""
    totals: list[DifferentTotal]
    rows: list[DifferentRow]
    left_out: list[dict[str, Any]]
    """The first records that were left out, if their number differs."""


def compare(snapshot: Snapshot, table: EventTable, *, with_dead_letters: bool) -> Verdict:
    """Recompute a snapshot from the events in the table, and compare.

    Args:
        snapshot: what was published.
        table: exactly the events that it counts.
        with_dead_letters: whether the table has the invalid records, too.
    """
    found = recompute(table, snapshot)
    totals = _different_totals(snapshot, found, with_dead_letters)
    rows = _different_rows(snapshot, found, table)
    return Verdict(
        sequence=snapshot.sequence,
        matches=not totals and not rows,
        records=found.totals["events"] + found.totals["dead_letters"],
        totals=totals,
        rows=rows,
        left_out=left_out(table, LEFT_OUT_SHOWN) if totals else [],
    )


def _different_totals(snapshot: Snapshot, found: Recomputed, with_dead_letters: bool) -> list[DifferentTotal]:
    published = structs.asdict(snapshot) | structs.asdict(snapshot.totals)
    return [
        DifferentTotal(name, published[name], value)
        for name, value in found.totals.items()
        if published[name] != value and (name != "dead_letters" or with_dead_letters)
    ]


def _different_rows(snapshot: Snapshot, found: Recomputed, table: EventTable) -> list[DifferentRow]:
    published = {row.customer_id: _fields(row) for row in snapshot.rows}
    different = []
    for customer in [*published, *(each for each in found.rows if each not in published)]:
        here, there = published.get(customer), found.rows.get(customer)
        if here is None or there is None or there["rank"] > snapshot.x:
            fields = ["row"]
        else:
            fields = [name for name in here if here[name] != there[name]]
        if fields:
            events = [] if fields == ["rank"] else events_of(table, customer)
            different.append(DifferentRow(customer, fields, here, there, events))
    return different


def _fields(row: Row) -> dict[str, Any]:
    fields = structs.asdict(row)
    del fields["previous_rank"]  # It comes from the snapshot before.
    return fields
