"""A snapshot as people see it: its age and completeness, the ranking, the sums; or all in one line."""

from datetime import datetime
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from consumer.cli import table
from contract.snapshots import Snapshot
from terminal.console import cut, plain

STALE_AFTER_S: Final = 60
LINES_AROUND_ROWS: Final = 11
MIN_ROWS: Final = 3
ROWS_IN_LINE: Final = 3


class View:
    """A snapshot for a terminal; in a live display, no more rows than fit."""

    def __init__(self, snapshot: Snapshot, now: datetime, *, note: str = "", fit: bool = False) -> None:
        self._snapshot, self._now, self._note, self._fit = snapshot, now, note, fit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol: called with the terminal's present size."""
        limit = max(MIN_ROWS, console.height - LINES_AROUND_ROWS) if self._fit else None
        snapshot = self._snapshot
        parts: list[RenderableType] = [_heading(snapshot, self._now)]
        if warning := incomplete(snapshot):
            parts.append(Text(f" {warning} ", style="bold white on red"))
        parts.append(table.Ranking(snapshot, changes=True, limit=limit))
        if limit is not None and len(snapshot.rows) > limit:
            parts.append(
                Text(f"... and {len(snapshot.rows) - limit} more, below the window's edge", style="dim")
            )
        parts.append(Text(table.totals(snapshot, set_aside="dead letters")))
        parts.append(Text(table.time_frame(snapshot)))
        if self._note:
            parts.append(Text(self._note))
        yield Group(*parts)


def _heading(snapshot: Snapshot, now: datetime) -> Text:
    age_s = age(snapshot, now)
    heading = Text(f"top {snapshot.x} customers, snapshot {snapshot.sequence}, ")
    heading.append(f"emitted {snapshot.emitted_at}, ")
    heading.append(f"{ago(age_s)} ago", style="bold yellow" if age_s > STALE_AFTER_S else "")
    heading.append(f", {snapshot.partitions.reporting} of {snapshot.partitions.total} partitions report")
    return heading


def incomplete(snapshot: Snapshot) -> str:
    """A loud warning where not all partitions report; else nothing."""
    reporting, total = snapshot.partitions.reporting, snapshot.partitions.total
    if reporting == total:
        return ""
    return f"INCOMPLETE: only {reporting} of {total} partitions report; the others' customers are missing"


def line(snapshot: Snapshot, note: str = "") -> str:
    """A snapshot in one line, for where there is no terminal."""
    best = ", ".join(
        f"{row.rank}. {cut(plain(row.customer_id), table.ID_WIDTH)} {table.grouped(row.ltv)}"
        for row in snapshot.rows[:ROWS_IN_LINE]
    )
    parts = [table.totals(snapshot, set_aside="dead letters"), note, best, incomplete(snapshot)]
    return f"snapshot {snapshot.sequence} at {snapshot.emitted_at}: " + "; ".join(
        part for part in parts if part
    )


def age(snapshot: Snapshot, now: datetime) -> float:
    """Seconds since it was emitted; never negative, whatever the clocks say."""
    return max(0.0, (now - datetime.fromisoformat(snapshot.emitted_at)).total_seconds())


def ago(seconds: float) -> str:
    """A span of time in its largest fitting unit: 5 s, 3 min, 2 h, 4 days."""
    for limit, unit_s, unit in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit_s:.0f} {unit}"
    return f"{seconds / 86_400:.0f} days"
