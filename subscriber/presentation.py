"""The values of a snapshot and its rows as text, for any table or page."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from contract.errors import counted
from contract.snapshots import Row, Snapshot

UNKNOWN: Final = "-"


class Figure(NamedTuple):
    """One numeric column of the ranking: its header, and a row's value as text."""

    header: str
    shown: Callable[[Row], str]


# Most important first: a narrow terminal omits the last ones.
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


def totals(snapshot: Snapshot, *, invalid: str) -> str:
    """The totals in one line; `invalid` is the number of invalid events as text: "2 rejected" or "1 dead letter"."""
    t = snapshot.totals
    return (
        f"{counted(t.events, 'event')}, {counted(t.customers, 'customer')}, {counted(t.orders, 'order')}, "
        f"{grouped(t.revenue)} USD revenue, {invalid}"
    )


def time_frame(snapshot: Snapshot) -> str:
    """The first and last event time, the number of weeks between them, and the basis of the lifetime value."""
    if snapshot.event_time_min is None or snapshot.event_time_max is None:
        return f"no events; basis {snapshot.basis}"
    weeks = counted(snapshot.timeframe_weeks, "week")
    first, last = to_the_second(snapshot.event_time_min), to_the_second(snapshot.event_time_max)
    return f"{first} to {last}: {weeks}; basis {snapshot.basis}"


def to_the_second(time: str) -> str:
    """A time of a snapshot without its fraction of a second: "2026-01-31T12:00:00Z"."""
    whole, point, _ = time.partition(".")
    return f"{whole}Z" if point else time


def grouped(amount: str) -> str:
    """Money with thousands separators: "1234567.80" -> "1,234,567.80"."""
    dollars, _, cents = amount.partition(".")
    return f"{int(dollars):,}.{cents}"


def incomplete(snapshot: Snapshot) -> str:
    """A warning if the snapshot is not complete; otherwise ""."""
    coverage = snapshot.coverage
    if coverage.complete:
        return ""
    missing = [each.partition for each in coverage.partitions if each.next_offset is None]
    if missing:
        whose = "its" if len(missing) == 1 else "their"
        return f"INCOMPLETE: {_partitions(missing)} not reported yet; {whose} customers are missing"
    if coverage.behind_s is None:
        return "INCOMPLETE: the coverage is not known"
    return f"INCOMPLETE: {behind(snapshot)}"


def behind(snapshot: Snapshot) -> str:
    """The snapshot's lag behind the events topic, and the partitions that lag; "counts all events" without lag."""
    coverage = snapshot.coverage
    late = [each.partition for each in coverage.partitions if each.lag_records]
    if not late or coverage.behind_s is None or coverage.lag_records is None:
        return "counts all events"
    blocked = [each.partition for each in coverage.partitions if each.blocked_s is not None]
    cause = f"; an open transaction holds back {_partitions(blocked)}" if blocked else ""
    return (
        f"{counted(coverage.lag_records, 'record')} not counted yet, up to {ago(coverage.behind_s)} old, "
        f"on {_partitions(late)}{cause}"
    )


def _partitions(numbers: list[int]) -> str:
    return f"partition{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"


def age(snapshot: Snapshot, now: datetime) -> float:
    """Seconds since the snapshot was emitted; 0 if the clocks disagree and `now` is earlier."""
    return max(0.0, (now - datetime.fromisoformat(snapshot.emitted_at)).total_seconds())


def ago(seconds: float) -> str:
    """A span of time in a unit that fits: 5 s, 3 min, 2 h, 4 days."""
    for limit, unit_s, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit_s:.0f} {unit}"
    return counted(round(seconds / 86_400), "day")
