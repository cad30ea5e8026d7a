"""A snapshot for a terminal: its age and completeness, the ranking, the totals; or all in one line."""

from datetime import datetime
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.text import Text

from contract.errors import counted
from contract.printable import printable
from contract.snapshots import Snapshot
from ltv.console.ranking import ID_WIDTH, TABLE_LINES, Ranking
from ltv.console.text import cut
from subscriber.presentation import age, ago, behind, grouped, incomplete, time_frame, to_the_second, totals

STALE_AFTER_S: Final = 60
SPARE_LINES: Final = 2
"""One line for the number of hidden rows, and one for the cursor."""
MIN_ROWS: Final = 3
ROWS_IN_LINE: Final = 3


class SnapshotView:
    """A snapshot for a terminal; with `fit`, only as many rows as the terminal's height allows."""

    def __init__(self, snapshot: Snapshot, now: datetime, *, note: str = "", fit: bool = False) -> None:
        self._snapshot, self._now, self._note, self._fit = snapshot, now, note, fit

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol: called with the terminal's current size."""
        snapshot = self._snapshot
        above, below = [_heading(snapshot, self._now), Text(behind(snapshot))], [Text(_totals(snapshot))]
        if warning := incomplete(snapshot):
            above.append(Text(f" {warning} ", style="bold white on red"))
        below.append(Text(time_frame(snapshot)))
        if self._note:
            below.append(Text(self._note))
        limit = None
        if self._fit:
            lines = len(console.render_lines(Group(*above, *below), options.update(height=None)))
            limit = max(MIN_ROWS, console.height - lines - TABLE_LINES - SPARE_LINES)
            if (hidden := len(snapshot.rows) - limit) > 0:
                below.insert(0, Text(f"... and {hidden:,} more, not shown", style="dim"))
        yield Group(*above, Ranking(snapshot, changes=True, limit=limit), *below)


def _heading(snapshot: Snapshot, now: datetime) -> Text:
    age_s = age(snapshot, now)
    heading = Text(f"top {counted(snapshot.x, 'customer')}, snapshot {snapshot.sequence}, ")
    heading.append(f"emitted {to_the_second(snapshot.emitted_at)}, ")
    heading.append(f"{ago(age_s)} ago", style="bold yellow" if age_s > STALE_AFTER_S else "")
    return heading


def _totals(snapshot: Snapshot) -> str:
    return totals(snapshot, invalid=counted(snapshot.totals.dead_letters, "dead letter"))


def line(snapshot: Snapshot, note: str = "") -> str:
    """A snapshot in one line, for output that is not a terminal."""
    best = ", ".join(
        f"{row.rank}. {cut(printable(row.customer_id), ID_WIDTH)} {grouped(row.ltv)}"
        for row in snapshot.rows[:ROWS_IN_LINE]
    )
    parts = [_totals(snapshot), note, best, incomplete(snapshot)]
    return f"snapshot {snapshot.sequence} at {snapshot.emitted_at}: " + "; ".join(
        part for part in parts if part
    )
