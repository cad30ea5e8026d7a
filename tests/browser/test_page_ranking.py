"""The ranking on the page: its rows, their moves, order and number, and how one finds a customer."""

import re
from decimal import Decimal

import pytest
from msgspec import structs
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Serve
from tests.browser.page_parts import cells, column, expect_snapshot, row_of, rows, side
from tests.browser.page_stage import PageStage
from tests.browser.shop_snapshots import InventedShop, detail
from tests.dashboard_stage import KnownCustomers, customer

UNRANKED = "c-nobody/of the ranking"


@pytest.fixture
def shop() -> InventedShop:
    return InventedShop()


@pytest.fixture
def served(shop: InventedShop, serve: Serve) -> PageStage:
    past = shop.history(3)
    return serve(*past, customers=KnownCustomers(customer(UNRANKED), *map(detail, past[-1].rows)))


def test_a_row_shows_every_figure_with_separators(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(served.url)
    expect(rows(page)).to_have_count(10)
    first = served.known.newest.rows[0]
    assert cells(rows(page).first) == [
        *("1", cells(rows(page).first)[1], first.customer_id, first.last_name or "–"),
        *(f"{Decimal(first.ltv):,}", f"{Decimal(first.total_spend):,}", str(first.weeks), str(first.orders)),
        *(str(first.visits), first.revenue_per_visit, f"{first.visits_per_week:.2f}"),
    ]


def test_ranks_move_live_with_an_arrow_a_number_and_the_word_new(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    expect_snapshot(page, 3)
    before = shop.snapshot()
    [a, b, c, *others] = before.rows
    moved = [
        structs.replace(c, rank=1, previous_rank=3),
        structs.replace(a, rank=2, previous_rank=1),
        structs.replace(b, rank=3, previous_rank=None),
    ]
    served.emit(structs.replace(before, rows=[*moved, *others]))
    expect(rows(page).first).to_contain_text(c.customer_id)
    shown = [row_of(page, each.customer_id).locator("[data-column=move]") for each in moved]
    assert [" ".join(each.inner_text().split()) for each in shown] == ["up 2", "down 1", "new"]
    assert [each.locator("svg").count() for each in shown] == [1, 1, 0]


def test_snapshots_of_one_second_are_all_shown(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    for _ in range(4):
        served.emit(shop.snapshot(after_s=0.25))
        expect_snapshot(page, shop.sequence)


def test_the_first_snapshot_of_a_series_claims_no_moves(serve: Serve, open_page: OpenPage) -> None:
    stage = serve(InventedShop().snapshot())
    page = open_page(stage.url)
    expect(rows(page)).to_have_count(10)
    assert set(column(page, "Move")) == {"no move"}


def test_a_click_on_a_heading_sorts_by_its_column_and_a_second_one_the_other_way_round(
    served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    expect(rows(page)).to_have_count(10)
    for name in ("LTV", "Spend", "Weeks", "Orders", "Visits", "Per visit", "Per week", "Rank"):
        ways = []
        for _ in range(2):
            page.get_by_role("button", name=name, exact=True).click()
            ways.append(page.locator("th[aria-sort]").get_attribute("aria-sort"))
            figures = [Decimal(text.replace(",", "")) for text in column(page, name)]
            assert figures == sorted(figures, reverse=ways[-1] == "descending"), name
        assert sorted(map(str, ways)) == ["ascending", "descending"]
    for name in ("Customer", "Name"):
        page.get_by_role("button", name=name, exact=True).click()
        names = [text for text in column(page, name) if text != "–"]
        assert names == sorted(names)


def test_the_sort_order_stays_when_a_snapshot_comes(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    page.get_by_role("button", name="Visits", exact=True).click()
    served.emit(shop.snapshot())
    expect_snapshot(page, 4)
    visits = list(map(int, column(page, "Visits")))
    assert visits == sorted(visits, reverse=True)


def test_a_smaller_number_of_customers_can_be_chosen(serve: Serve, open_page: OpenPage) -> None:
    stage = serve(InventedShop(x=50, customers=60).snapshot())
    page = open_page(stage.url)
    expect(rows(page)).to_have_count(50)
    page.get_by_label("Show").select_option("top 25")
    expect(rows(page)).to_have_count(25)


def test_what_is_typed_narrows_the_ranking_by_id_or_name(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(served.url)
    expect(rows(page)).to_have_count(10)
    wanted = served.known.newest.rows[4].customer_id
    page.get_by_role("searchbox").fill(wanted[2:].upper())
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("Enter")
    expect(side(page).get_by_role("heading", level=2)).to_contain_text(wanted)


def test_a_customer_outside_the_ranking_is_found_by_its_id(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(served.url)
    page.get_by_role("searchbox").fill(UNRANKED)
    page.get_by_role("link", name="Look up the customer with this id").click()
    expect(side(page)).to_contain_text("Not among the ranked customers")
    assert page.url.endswith("/customers/c-nobody%2Fof%20the%20ranking")


HOSTILE = [
    ("<img src=x onerror=alert(1)>", "<script>alert(2)</script>"),
    ("</td><a href=javascript:alert(3)>", "\"'><svg onload=alert(4)>"),
    ("moc.\u202egro.elpmaxe", "a\u2066b\u200fc\x00d\x1b[31m"),
    ("W" * 200, "漢" * 200),
    ("{{static}}&lt;b&gt;", "=HYPERLINK(1)"),
]


def test_hostile_ids_and_names_are_text_and_nothing_else(
    shop: InventedShop, serve: Serve, open_page: OpenPage
) -> None:
    [before] = shop.history(1)
    for row, (customer_id, name) in zip(before.rows, HOSTILE, strict=False):
        shop.rename(row, customer_id, name)
    past = [shop.snapshot() for _ in range(3)]
    ranked = [row for row in past[-1].rows if row.customer_id in dict(HOSTILE)]
    assert ranked
    stage = serve(*past, customers=KnownCustomers(*map(detail, ranked)))
    page = open_page(stage.url)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    expect(rows(page)).to_have_count(10)
    for row in ranked:
        rows(page).nth(row.rank - 1).locator("a").click()
        expect(side(page)).to_contain_text("lifetime value")
        expect(side(page).get_by_role("heading", level=2)).to_contain_text(row.customer_id[:4])
    text = page.locator("body").inner_text()
    assert "<img src=x onerror=alert(1)>" in text
    assert "moc.\\u{202e}gro" in text
    assert re.findall("[\u202a-\u202e\u2066-\u2069\u200f\x00\x1b]", text) == []
    assert page.locator("td img, td script, th img, #side img, #side script").count() == 0
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_thousand_customers_are_ranked_and_move(serve: Serve, open_page: OpenPage) -> None:
    shop = InventedShop(x=1_000, customers=1_100)
    stage = serve(shop.snapshot())
    page = open_page(stage.url)
    expect(rows(page)).to_have_count(100)
    page.get_by_label("Show").select_option("all 1,000")
    expect(rows(page)).to_have_count(1_000)
    newest = shop.snapshot()
    stage.emit(newest)
    expect_snapshot(page, 2)
    shown = column(page, "Customer")
    assert shown == [row.customer_id for row in newest.rows]
