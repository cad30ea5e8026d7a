"""One customer for a terminal: whole at 60 and 80 columns, and nothing of it commands the terminal."""

import io
from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from contract.customers import CustomerDetail, OrderDetail
from ltv.console.consoles import PrintableConsole
from ltv.console.customer_view import CustomerView

SUNDAYS = [(date(2024, 1, 7) + timedelta(weeks=3 * i)).isoformat() for i in range(37)]
CUSTOMER = CustomerDetail(
    customer_id="c-1",
    last_name="Smith",
    partition=2,
    next_offset=4711,
    source="owner",
    total_spend="123456.78",
    weeks=37,
    visits=4_321,
    orders=1_234,
    order_list=[
        OrderDetail(
            order_id=f"order-{i}" + "x" * 20 * i,
            amount=f"{i * 1234}.56",
            event_time="2026-01-12T12:00:00.123456Z",
            verb="NEW" if i % 3 else "UPDATE",
        )
        for i in range(12)
    ],
    active_weeks=SUNDAYS,
    ltv="1735068.26",
)


def lines(width: int, listed: int = 10, encoding: str = "utf-8", **changes: Any) -> list[str]:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    console = PrintableConsole(file=file, width=width, markup=False, emoji=False, highlight=False)
    console.print(CustomerView(replace(CUSTOMER, **changes), orders=listed))
    file.seek(0)
    return [line.rstrip() for line in file.read().splitlines()]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_formula_has_the_customers_numbers_and_the_offset_is_named(width: int) -> None:
    shown = lines(width)
    assert "ltv      123,456.78 / 37 weeks x 52 x 10 = 1,735,068.26 USD" in shown
    assert shown[-1] == "as of offset 4711 of partition 2, from the owner"
    assert lines(width, source="changelog")[-1].endswith("from the changelog")


@pytest.mark.parametrize("width", [60, 80])
def test_no_number_is_cut_and_no_line_is_too_long(width: int) -> None:
    shown = lines(width)
    assert max(map(len, shown)) <= width
    assert sum("11,106.56  changed  2026-01-12T12:00" in line for line in shown) == 1


def test_only_the_newest_orders_are_listed() -> None:
    assert "the newest 3 orders:" in lines(80, 3)
    assert sum("order-" in line for line in lines(80, 3)) == 3
    assert not any("order-" in line for line in lines(80, 0))
    every = lines(80, 12, orders=12)
    assert sum("order-" in line for line in every) == 12
    assert not any("newest" in line for line in every)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_each_year_has_a_strip_with_a_mark_for_each_of_its_sundays(encoding: str) -> None:
    strips = [line for line in lines(60, 0, encoding) if line[:4] in {"2024", "2025", "2026"}]
    assert [len(strip.partition(" ")[2]) for strip in strips] == [52, 52, 52]
    active = sum(strip.count("■" if encoding == "utf-8" else "#") for strip in strips)
    assert active == len(SUNDAYS)


def test_of_a_long_life_the_last_ten_years_have_strips() -> None:
    weeks = ["0001-01-01", *(f"{year}-01-07" for year in range(2000, 2030))]
    shown = lines(80, 0, active_weeks=weeks, weeks=len(weeks))
    assert any("21 weeks before 2020 not shown" in line for line in shown)


@pytest.mark.parametrize("text", ["\x1b[31m", "\u202e", "a\nb", "\x9b", "顧" * 200, "[bold]x"])
def test_hostile_text_is_escaped_and_cut(text: str) -> None:
    order = replace(CUSTOMER.order_list[0], order_id=text)
    shown = lines(60, customer_id=text, last_name=text, order_list=[order])
    assert len(shown) == len(lines(60, order_list=[CUSTOMER.order_list[0]]))
    assert all(line.isprintable() for line in shown)
    assert ("[bold]x" in shown[0]) == (text == "[bold]x")
