"""One customer for a terminal: how its lifetime value comes about, its newest orders, its active weeks."""

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from contract.customers import CustomerDetail
from contract.errors import counted
from contract.printable import printable
from contract.weeks import sunday_of, week_of_day
from ltv.console.text import cut
from subscriber.presentation import grouped

STRIP_YEARS: Final = 10
LABEL_WIDTH: Final = 9
"""A label with the blank after it."""
MIN_TEXT_WIDTH: Final = 8
GAP: Final = 2
WIDE: Final = 72
"""From this width on, times have seconds."""
CHANGED: Final = "changed"
"""Marks an order of which a later version counts."""
SOURCES: Final = {"owner": "from the owner", "changelog": "from the changelog"}


class CustomerView:
    """A customer, with at most `orders` of its orders."""

    def __init__(self, customer: CustomerDetail, *, orders: int) -> None:
        self._customer, self._orders = customer, orders

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol: called with the terminal's current size."""
        customer, width = self._customer, options.max_width
        yield _heading(customer, width)
        yield _line("ltv", derivation(customer))
        yield _line("orders", f"{customer.orders:,} for {grouped(customer.total_spend)} USD")
        yield _line("visits", f"{customer.visits:,}")
        yield Group(*self._weeks(width, ascii_only=options.ascii_only))
        if self._orders and customer.order_list:
            yield Group(*self._order_lines(width))
        yield Text(
            f"as of offset {customer.next_offset} of partition {customer.partition}, {SOURCES[customer.source]}"
        )

    def _weeks(self, width: int, *, ascii_only: bool) -> Iterator[Text]:
        weeks = self._customer.active_weeks
        yield _line("weeks", f"{self._customer.weeks:,}, from {weeks[0]} to {weeks[-1]} (Sundays, UTC)")
        years = [(year, list(days)) for year, days in groupby(weeks, lambda day: int(day[:4]))]
        if hidden := sum(len(days) for _, days in years[:-STRIP_YEARS]):
            yield _line("", f"{counted(hidden, 'week')} before {years[-STRIP_YEARS][0]} not shown")
        for year, days in years[-STRIP_YEARS:]:
            strip = year_strip(year, days, "#-" if ascii_only else "■·")
            if len(strip) + len("2026 ") <= width:
                yield Text.assemble((f"{year:04d} ", "dim"), strip)

    def _order_lines(self, width: int) -> Iterator[Text | Table]:
        shown = self._customer.order_list[: self._orders]
        if len(shown) < self._customer.orders:
            yield Text(f"the newest {counted(len(shown), 'order')}:", style="dim")
        time_chars = len("2026-01-04T12:00:00" if width >= WIDE else "2026-01-04T12:00")
        amounts = [grouped(order.amount) for order in shown]
        marks = [CHANGED if order.verb == "UPDATE" else "" for order in shown]
        columns = [max(map(len, amounts)), max(map(len, marks)), time_chars + 1]
        id_width = max(MIN_TEXT_WIDTH, width - sum(columns) - GAP * len(columns))
        table = Table.grid(padding=(0, GAP, 0, 0), pad_edge=False)
        for justify in ("left", "right", "left", "left"):
            table.add_column(justify=justify, no_wrap=True)
        for order, amount, mark in zip(shown, amounts, marks, strict=True):
            order_id = Text(cut(printable(order.order_id), id_width))
            table.add_row(order_id, amount, mark, order.event_time[:time_chars] + "Z")
        yield table


def derivation(customer: CustomerDetail) -> str:
    """The formula with the customer's numbers put in."""
    weeks = counted(customer.weeks, "week")
    return f"{grouped(customer.total_spend)} / {weeks} x 52 x 10 = {grouped(customer.ltv)} USD"


def year_strip(year: int, days: list[str], marks: str) -> str:
    """One mark for each week whose Sunday is in the year: the first of `marks` if active, else the second."""
    active = {week_of_day(day) for day in days}
    first, last = week_of_day(f"{year:04d}-01-01"), week_of_day(f"{year:04d}-12-31")
    weeks = (week for week in range(first, last + 1) if sunday_of(week)[:4] == f"{year:04d}")
    return "".join(marks[0] if week in active else marks[1] for week in weeks)


def _heading(customer: CustomerDetail, width: int) -> Text:
    room = max(MIN_TEXT_WIDTH, width - LABEL_WIDTH)
    heading = _line("customer", "")
    heading.append(cut(printable(customer.customer_id), room), style="bold")
    if customer.last_name is not None:
        heading.append("\n" + " " * LABEL_WIDTH + cut(printable(customer.last_name), room))
    return heading


def _line(label: str, text: str) -> Text:
    return Text.assemble((f"{label:<{LABEL_WIDTH}}", "dim"), text)
