"""The ranking as a table, for `ltv top`, `ltv batch` and `ltv demo`."""

from collections.abc import Iterator
from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from contract.printable import printable
from contract.snapshots import Row, Snapshot
from ltv.console.text import cut
from subscriber.presentation import FIGURES, UNKNOWN, Figure

ID_WIDTH: Final = 36
NAME_WIDTH: Final = 24
NARROW_WIDTH: Final = 14
"""The width of ids and names on a narrow terminal."""
LEAST_ID_WIDTH: Final = 8
TABLE_LINES: Final = 4
"""The lines of the table that are not rows."""


class Ranking:
    """The first `limit` rows as a table; with `changes`, how each rank changed since the previous snapshot."""

    def __init__(self, snapshot: Snapshot, *, changes: bool, limit: int | None = None) -> None:
        self._rows = snapshot.rows[:limit]
        self._changes = changes
        self._any_known = any(row.previous_rank for row in snapshot.rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol: the widest form of the table that fits."""
        unlimited = options.update(max_width=10_000)
        for table in self._forms():
            if Measurement.get(console, unlimited, table).maximum <= options.max_width:
                break
        yield table

    def _forms(self) -> Iterator[Table]:
        """Yield tables from the widest to the narrowest; a number is never cut."""
        for figures in range(len(FIGURES), 0, -1):
            yield self._table(FIGURES[:figures], ID_WIDTH, NAME_WIDTH)
            yield self._table(FIGURES[:figures], NARROW_WIDTH, NARROW_WIDTH)
        yield self._table(FIGURES[:1], NARROW_WIDTH, None)
        yield self._table(FIGURES[:1], LEAST_ID_WIDTH, None)

    def _table(self, figures: tuple[Figure, ...], id_width: int, name_width: int | None) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, header_style="bold")
        table.add_column("#", justify="right", no_wrap=True)
        if self._changes:
            table.add_column("", no_wrap=True)
        table.add_column("customer", no_wrap=True)
        if name_width is not None:
            table.add_column("last name", no_wrap=True)
        for figure in figures:
            table.add_column(figure.header, justify="right", overflow="fold")
        for row in self._rows:
            table.add_row(
                str(row.rank),
                *([self._moved(row)] if self._changes else []),
                Text(cut(printable(row.customer_id), id_width)),
                *([] if name_width is None else [Text(_name(row, name_width))]),
                *(figure.shown(row) for figure in figures),
            )
        return table

    def _moved(self, row: Row) -> Text:
        """▲ or ▼ and the number of ranks; "new" if the previous snapshot listed others, but not this customer."""
        if row.previous_rank is None:
            return Text("new" if self._any_known else "", style="yellow")
        up = row.previous_rank - row.rank
        if up > 0:
            return Text(f"▲{up}", style="green")
        return Text(f"▼{-up}" if up else "", style="red")


def _name(row: Row, width: int) -> str:
    return UNKNOWN if row.last_name is None else cut(printable(row.last_name), width)
