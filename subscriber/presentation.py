"""What a snapshot and its rows show, as text: shared by every table and page, without a terminal or a browser."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from contract.errors import counted
from contract.snapshots import Row, Snapshot

UNKNOWN: Final = "-"


class Figure(NamedTuple):
    """One column of figures."""

    header: str
    shown: Callable[[Row], str]


# The most wanted first: on a narrow terminal the last ones are left out.
FIGURES: Final = (
    Figure("ltv", lambda row: grouped(row.ltv)),
    Figure("total spend", lambda row: grouped(row.total_spend)),
    Figure("weeks", lambda row: f"{row.weeks:,}"),
    Figure("orders", lambda row: f"{row.orders:,}"),
    Figure("visits", lambda row: f"{row.visits:,}"),
    Figure(
        "revenue/visit",
        lambda row: UNKNOWN if row.revenue_per_visit is None else grouped(row.revenue_per_visit),
    ),
    Figure("visits/week", lambda row: f"{row.visits_per_week:,.2f}"),
)


def totals(snapshot: Snapshot, *, set_aside: str) -> str:
    """The sums in one line; `set_aside` says how many events were invalid: "2 rejected" or "1 dead letter"."""
    t = snapshot.totals
    return (
        f"{counted(t.events, 'event')}, {counted(t.customers, 'customer')}, {counted(t.orders, 'order')}, "
        f"{grouped(t.revenue)} USD revenue, {set_aside}"
    )


def time_frame(snapshot: Snapshot) -> str:
    """From when to when, how many weeks that is, and what the lifetime value counts as weeks."""
    if snapshot.event_time_min is None or snapshot.event_time_max is None:
        return f"no events; basis {snapshot.basis}"
    weeks = counted(snapshot.timeframe_weeks, "week")
    return f"{snapshot.event_time_min} to {snapshot.event_time_max}: {weeks}; basis {snapshot.basis}"


def grouped(amount: str) -> str:
    """Money with its thousands apart: "1234567.80" -> "1,234,567.80"."""
    dollars, _, cents = amount.partition(".")
    return f"{int(dollars):,}.{cents}"


def incomplete(snapshot: Snapshot) -> str:
    """A loud warning where the snapshot is not complete; else nothing."""
    coverage = snapshot.coverage
    if coverage.complete:
        return ""
    missing = [each.partition for each in coverage.partitions if each.next_offset is None]
    if missing:
        return f"INCOMPLETE: {_partitions(missing)} not reported yet; their customers are missing"
    if coverage.behind_s is None:
        return "INCOMPLETE: how much of the events it counts is not known"
    return f"INCOMPLETE: {behind(snapshot)}"


def behind(snapshot: Snapshot) -> str:
    """How far the snapshot is behind the events topic, and which partitions are; "counts all events" where none."""
    coverage = snapshot.coverage
    late = [each.partition for each in coverage.partitions if each.lag_records]
    if not late or coverage.behind_s is None or coverage.lag_records is None:
        return "counts all events"
    return (
        f"{counted(coverage.lag_records, 'record')} not counted yet, up to {ago(coverage.behind_s)} old, "
        f"on {_partitions(late)}"
    )


def _partitions(numbers: list[int]) -> str:
    return f"partition{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def age(snapshot: Snapshot, now: datetime) -> float:
    """Seconds since it was emitted; never negative, whatever the clocks say."""
    return max(0.0, (now - datetime.fromisoformat(snapshot.emitted_at)).total_seconds())


def ago(seconds: float) -> str:
    """A span of time in its largest fitting unit: 5 s, 3 min, 2 h, 4 days."""
    for limit, unit_s, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit_s:.0f} {unit}"
    return counted(round(seconds / 86_400), "day")
