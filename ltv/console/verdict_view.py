"""A verdict of `ltv verify` as lines: what differs, both derivations, and the events behind them."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from contract.errors import counted
from contract.snapshots import Basis, Snapshot
from subscriber.presentation import UNKNOWN, grouped
from verification.comparison import DifferentRow, Verdict

EVENTS_SHOWN: Final = 20


def verdict_lines(verdict: Verdict, snapshot: Snapshot, files: Sequence[str]) -> Iterator[str]:
    """The lines of a verdict; `files` are the files of the events, none if they are a topic's."""
    checked = (
        f"snapshot {snapshot.sequence} of {snapshot.emitted_at}: {counted(verdict.records, 'record')} read"
    )
    if verdict.matches:
        yield f"{checked}; {counted(len(snapshot.rows), 'row')} and all totals match the recomputation"
        return
    differing = f"{counted(len(verdict.totals), 'total')} and {counted(len(verdict.rows), 'row')} differ"
    yield f"{checked}; {differing}"
    for total in verdict.totals:
        yield f"{total.figure}: {total.in_snapshot} in the snapshot, {total.recomputed} recomputed"
    for each in verdict.left_out:
        yield f"  left out: {_where(each, files)}, {each['why']}"
    for row in verdict.rows:
        yield from _row_lines(row, snapshot, files)


def _row_lines(row: DifferentRow, snapshot: Snapshot, files: Sequence[str]) -> Iterator[str]:
    yield f"customer {row.customer_id}: {', '.join(row.fields)} differ{'s' if len(row.fields) == 1 else ''}"
    for name, figures in (("in the snapshot", row.in_snapshot), ("recomputed", row.recomputed)):
        yield f"  {name}: {_derivation(figures, snapshot.basis, snapshot.timeframe_weeks)}"
    for event in row.events[:EVENTS_SHOWN]:
        yield f"    {_where(event, files)}: {_event(event)}"
    if len(row.events) > EVENTS_SHOWN:
        yield f"    ... and {counted(len(row.events) - EVENTS_SHOWN, 'event')} more; --json has them"


def _derivation(figures: dict[str, Any] | None, basis: Basis, frame: int) -> str:
    if figures is None:
        return "not ranked"
    weeks = figures["weeks"] if basis == "active" else frame
    name = UNKNOWN if figures["last_name"] is None else figures["last_name"]
    return (
        f"rank {figures['rank']}, ltv {grouped(figures['ltv'])} = 52 x ({grouped(figures['total_spend'])} / "
        f"{counted(weeks, 'week')}) x 10, active in {counted(figures['weeks'], 'week')}, "
        f"{counted(figures['orders'], 'order')}, {counted(figures['visits'], 'visit')}, last name {name}"
    )


def _where(event: dict[str, Any], files: Sequence[str]) -> str:
    if files:
        return f"{files[event['source']]} line {event['place']:,}"
    return f"partition {event['source']} offset {event['place']}"


def _event(event: dict[str, Any]) -> str:
    what = event["type"] + (" UPDATE" if event["is_update"] else "")
    if event["order_id"] is not None:
        what += f" {event['order_id']} {grouped(event['amount'])}"
    if event["last_name"] is not None:
        what += f" {event['last_name']}"
    newer = "" if event["counts"] else "; only its time counts"
    return f"{what} at {event['event_time']}, week of {event['week']}{newer}"
