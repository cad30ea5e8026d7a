"""How a snapshot looks: the one table that `ltv top`, `ltv batch` and `ltv demo` share."""

from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from consumer.cli.console import cut, plain
from contract.snapshots import Row, Snapshot

ID_WIDTH: Final = 36
NAME_WIDTH: Final = 24
NONE: Final = "-"


def ranking(snapshot: Snapshot, *, changes: bool, limit: int | None = None) -> Table:
    """The first `limit` rows as a table; with `changes`, how each rank moved since the snapshot before."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("#", justify="right", no_wrap=True)
    if changes:
        table.add_column("", no_wrap=True)
    table.add_column("customer", no_wrap=True, overflow="ellipsis", min_width=8)
    table.add_column("last name", no_wrap=True, overflow="ellipsis")
    for header in ("ltv", "total spend", "weeks", "orders", "visits", "revenue/visit", "visits/week"):
        table.add_column(header, justify="right", no_wrap=True, style="bold" if header == "ltv" else "")
    any_known = any(row.previous_rank for row in snapshot.rows)
    for row in snapshot.rows[:limit]:
        moved = [_moved(row, any_known=any_known)] if changes else []
        table.add_row(
            str(row.rank),
            *moved,
            Text(cut(plain(row.customer_id), ID_WIDTH)),
            Text(cut(plain(row.last_name), NAME_WIDTH) if row.last_name is not None else NONE),
            grouped(row.ltv),
            grouped(row.total_spend),
            f"{row.weeks:,}",
            f"{row.orders:,}",
            f"{row.visits:,}",
            grouped(row.revenue_per_visit) if row.revenue_per_visit is not None else NONE,
            f"{row.visits_per_week:.2f}",
        )
    return table


def _moved(row: Row, *, any_known: bool) -> Text:
    """▲ and ▼ with how far; "new" where the customer was not listed before (unless nobody was)."""
    if row.previous_rank is None:
        return Text("new", style="yellow") if any_known else Text("")
    up = row.previous_rank - row.rank
    if up > 0:
        return Text(f"▲{up}", style="green")
    return Text(f"▼{-up}", style="red") if up < 0 else Text("")


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
