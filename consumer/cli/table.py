"""How a snapshot looks: the one table that `ltv top`, `ltv batch` and `ltv demo` share."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from contract.snapshots import Row, Snapshot
from terminal.console import cut, plain

ID_WIDTH: Final = 36
NAME_WIDTH: Final = 24
NARROW_WIDTH: Final = 14
"""For ids and names where there is no room for more."""
NONE: Final = "-"


class _Figure(NamedTuple):
    header: str
    shown: Callable[[Row], str]


# The most wanted first: on a narrow terminal the last ones are left out.
FIGURES: Final = (
    _Figure("ltv", lambda row: grouped(row.ltv)),
    _Figure("total spend", lambda row: grouped(row.total_spend)),
    _Figure("weeks", lambda row: f"{row.weeks:,}"),
    _Figure("orders", lambda row: f"{row.orders:,}"),
    _Figure("visits", lambda row: f"{row.visits:,}"),
    _Figure(
        "revenue/visit", lambda row: NONE if row.revenue_per_visit is None else grouped(row.revenue_per_visit)
    ),
    _Figure("visits/week", lambda row: f"{row.visits_per_week:,.2f}"),
)


class Ranking:
    """The first `limit` rows as a table; with `changes`, how each rank moved since the snapshot before."""

    def __init__(self, snapshot: Snapshot, *, changes: bool, limit: int | None = None) -> None:
        self._rows = snapshot.rows[:limit]
        self._changes = changes
        self._any_known = any(row.previous_rank for row in snapshot.rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol: the widest form that fits."""
        unlimited = options.update(max_width=10_000)
        for table in self._forms():
            if Measurement.get(console, unlimited, table).maximum <= options.max_width:
                break
        yield table

    def _forms(self) -> Iterator[Table]:
        """From all there is to the least that makes sense."""
        for figures in range(len(FIGURES), 0, -1):
            yield self._table(FIGURES[:figures], ID_WIDTH, NAME_WIDTH)
            yield self._table(FIGURES[:figures], NARROW_WIDTH, NARROW_WIDTH)

    def _table(self, figures: tuple[_Figure, ...], id_width: int, name_width: int) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, header_style="bold")
        table.add_column("#", justify="right", no_wrap=True)
        if self._changes:
            table.add_column("", no_wrap=True)
        table.add_column("customer", no_wrap=True)
        table.add_column("last name", no_wrap=True)
        for figure in figures:
            table.add_column(figure.header, justify="right", no_wrap=True)
        for row in self._rows:
            table.add_row(
                str(row.rank),
                *([self._moved(row)] if self._changes else []),
                Text(cut(plain(row.customer_id), id_width)),
                Text(NONE if row.last_name is None else cut(plain(row.last_name), name_width)),
                *(figure.shown(row) for figure in figures),
            )
        return table

    def _moved(self, row: Row) -> Text:
        """▲ and ▼ with how far; "new" where the customer was not listed before (unless nobody was)."""
        if row.previous_rank is None:
            return Text("new" if self._any_known else "", style="yellow")
        up = row.previous_rank - row.rank
        if up > 0:
            return Text(f"▲{up}", style="green")
        return Text(f"▼{-up}" if up else "", style="red")


def totals(snapshot: Snapshot, *, set_aside: str) -> str:
    """The sums in one line; `set_aside` names the invalid events: "rejected" or "dead letters"."""
    t = snapshot.totals
    return (
        f"{t.events:,} events, {t.customers:,} customers, {t.orders:,} orders, "
        f"{grouped(t.revenue)} USD revenue, {t.dead_letters:,} {set_aside}"
    )


def time_frame(snapshot: Snapshot) -> str:
    """From when to when, how many weeks that is, and what the lifetime value counts as weeks."""
    if snapshot.event_time_min is None or snapshot.event_time_max is None:
        return f"no events; basis {snapshot.basis}"
    weeks = "1 week" if snapshot.timeframe_weeks == 1 else f"{snapshot.timeframe_weeks:,} weeks"
    return f"{snapshot.event_time_min} to {snapshot.event_time_max}: {weeks}; basis {snapshot.basis}"


def grouped(amount: str) -> str:
    """Money with its thousands apart: "1234567.80" -> "1,234,567.80"."""
    dollars, _, cents = amount.partition(".")
    return f"{int(dollars):,}.{cents}"
