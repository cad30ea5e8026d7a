"""A snapshot as people see it: its age and completeness, the ranking, the sums; or all in one line."""

from datetime import datetime
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from contract.snapshots import Snapshot
from ltv.console.ranking import ID_WIDTH, Ranking
from ltv.console.text import cut, plain
from subscriber.presentation import age, ago, behind, grouped, incomplete, time_frame, totals

STALE_AFTER_S: Final = 60
LINES_AROUND_ROWS: Final = 11
MIN_ROWS: Final = 3
ROWS_IN_LINE: Final = 3


class SnapshotView:
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
        parts.append(Ranking(snapshot, changes=True, limit=limit))
        if limit is not None and len(snapshot.rows) > limit:
            parts.append(
                Text(f"... and {len(snapshot.rows) - limit} more, below the window's edge", style="dim")
            )
        parts.append(Text(totals(snapshot, set_aside="dead letter")))
        parts.append(Text(time_frame(snapshot)))
        if self._note:
            parts.append(Text(self._note))
        yield Group(*parts)


def _heading(snapshot: Snapshot, now: datetime) -> Text:
    age_s = age(snapshot, now)
    heading = Text(f"top {snapshot.x} customers, snapshot {snapshot.sequence}, ")
    heading.append(f"emitted {snapshot.emitted_at}, ")
    heading.append(f"{ago(age_s)} ago", style="bold yellow" if age_s > STALE_AFTER_S else "")
    heading.append(f", {behind(snapshot)}")
    return heading


def line(snapshot: Snapshot, note: str = "") -> str:
    """A snapshot in one line, for where there is no terminal."""
    best = ", ".join(
        f"{row.rank}. {cut(plain(row.customer_id), ID_WIDTH)} {grouped(row.ltv)}"
        for row in snapshot.rows[:ROWS_IN_LINE]
    )
    parts = [totals(snapshot, set_aside="dead letter"), note, best, incomplete(snapshot)]
    return f"snapshot {snapshot.sequence} at {snapshot.emitted_at}: " + "; ".join(
        part for part in parts if part
    )
