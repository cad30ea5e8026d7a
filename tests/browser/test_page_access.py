"""The page by keyboard, by screen reader, in both themes, on a phone and on a wall."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from contract.access_token import AccessToken
from tests.browser.conftest import OpenPage, Serve
from tests.browser.page_parts import expect_snapshot, row_of, rows, side
from tests.browser.page_stage import PageStage
from tests.browser.shop_snapshots import InventedShop, behind, detail
from tests.dashboard_stage import KnownCustomers

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = (390, 844)
WALL = (1920, 1080)


@pytest.fixture
def shop() -> InventedShop:
    return InventedShop()


@pytest.fixture
def served(shop: InventedShop, serve: Serve) -> PageStage:
    past = shop.history(30)
    return serve(*past, customers=KnownCustomers(*map(detail, past[-1].rows)))


def findings(page: Page) -> list[str]:
    """What axe-core finds, as "rule: element"."""
    page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run({runOnly: rules, resultTypes: ['violations']})", RULES
    )
    return [
        f"{each['id']}: {node['html'][:120]} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(theme: str, served: PageStage, shop: InventedShop, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/?theme={theme}", reduced_motion="reduce")
    expect(side(page).locator("canvas")).to_have_count(3)
    assert findings(page) == []
    served.emit(shop.snapshot(coverage=behind(shop.now)))
    expect_snapshot(page, 31)
    rows(page).nth(2).locator("a").click()
    expect(side(page)).to_contain_text("lifetime value")
    expect(side(page).locator("canvas")).to_have_count(2)
    assert findings(page) == []
    page.goto(f"{served.url}/snapshots/20?theme={theme}&compare=60")
    expect(side(page).locator("tbody")).to_have_count(3)
    assert findings(page) == []


def test_axe_finds_nothing_on_a_phone(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(served.url, size=PHONE, has_touch=True, reduced_motion="reduce")
    expect(rows(page)).to_have_count(10)
    assert findings(page) == []


def test_axe_finds_nothing_on_the_login_page(shop: InventedShop, serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(token=AccessToken("a-token")).url, is_away=True)
    expect(page.get_by_label("Access token")).to_be_visible()
    assert findings(page) == []


def test_everything_is_reached_by_keyboard(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(served.url)
    expect(rows(page)).to_have_count(10)
    press = page.keyboard.press
    press("Tab")
    expect(page.get_by_role("link", name="Skip to the ranking")).to_be_focused()
    press("Enter")
    expect(page.locator("#ranking")).to_be_focused()
    names = ["Find a customer by id or name", "Open", "CSV", "JSON", "History"]
    for name in names:
        press("Tab")
        assert page.evaluate(
            "(document.activeElement.labels?.[0] ?? document.activeElement).textContent"
        ).startswith(name)
    first, second = (row.customer_id for row in served.known.newest.rows[:2])
    row_of(page, first).get_by_role("link").focus()
    press("ArrowDown")
    press("Enter")
    title = side(page).get_by_role("heading", level=2)
    expect(title).to_contain_text(second)
    expect(title).to_be_focused()
    press("Tab")
    expect(side(page).get_by_role("link", name="Close")).to_be_focused()
    press("Enter")
    expect(row_of(page, second).get_by_role("link")).to_be_focused()


def test_the_focus_stays_on_a_customer_whose_row_moves(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    last = served.known.newest.rows[-1]
    row_of(page, last.customer_id).get_by_role("link").focus()
    newest = shop.snapshot(favour=last.customer_id)
    served.emit(newest)
    expect_snapshot(page, 31)
    expect(rows(page).first).to_contain_text(last.customer_id)
    expect(row_of(page, last.customer_id).get_by_role("link")).to_be_focused()


@pytest.mark.parametrize(("motion", "glides"), [("no-preference", True), ("reduce", False)])
def test_rows_glide_unless_the_reader_prefers_less_motion(
    motion: str, glides: bool, served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url, reduced_motion=motion)
    expect_snapshot(page, 30)
    page.evaluate("""() => {
        window.glided = 0;
        const animate = Element.prototype.animate;
        Element.prototype.animate = function (...given) { window.glided += 1; return animate.apply(this, given); };
    }""")
    served.emit(shop.snapshot(favour=served.known.newest.rows[-1].customer_id))
    expect_snapshot(page, 31)
    assert (page.evaluate("window.glided") > 0) == glides


@pytest.mark.parametrize(
    ("query", "system", "ground"),
    [
        ("", "light", "rgb(247, 247, 245)"),
        ("", "dark", "rgb(16, 18, 20)"),
        ("?theme=light", "dark", "rgb(247, 247, 245)"),
        ("?theme=dark", "light", "rgb(16, 18, 20)"),
    ],
)
def test_the_theme_is_the_systems_unless_the_address_names_one(
    query: str, system: str, ground: str, served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(f"{served.url}/{query}", color_scheme=system)
    expect(page.locator("body")).to_have_css("background-color", ground)


def test_the_chosen_theme_is_kept(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(served.url, color_scheme="light")
    page.get_by_role("button", name="Dark").click()
    page.reload()
    expect(page.locator("body")).to_have_css("background-color", "rgb(16, 18, 20)")
    expect(page.get_by_role("button", name="Light")).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1440])
def test_no_width_scrolls_sideways_or_cuts_a_figure(width: int, serve: Serve, open_page: OpenPage) -> None:
    shop = InventedShop()
    page = open_page(serve(*shop.history(3, rich=True)).url, size=(width, 800))
    expect(rows(page)).to_have_count(10)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    cut = (
        "cells => cells.filter(cell => cell.scrollWidth > cell.clientWidth + 1).map(cell => cell.textContent)"
    )
    assert page.locator("#table td:is([data-column=ltv], [data-column=spend])").evaluate_all(cut) == []


def test_on_a_phone_a_customer_takes_the_whole_page(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(served.url, size=PHONE)
    rows(page).first.locator("a").click()
    expect(side(page)).to_contain_text("lifetime value")
    expect(page.locator("#table")).to_be_hidden()
    page.get_by_role("link", name="Close").click()
    expect(page.locator("#table")).to_be_visible()


def test_a_wall_shows_no_controls_and_fits_its_screen(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/?wall", size=WALL)
    expect(rows(page)).to_have_count(10)
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    expect(page.get_by_role("searchbox")).to_be_hidden()
    bottom = rows(page).last.evaluate("row => row.getBoundingClientRect().bottom")
    assert bottom <= WALL[1]


def test_a_wall_cuts_no_id_of_twelve_characters(serve: Serve, open_page: OpenPage) -> None:
    shop = InventedShop()
    for number, row in enumerate(shop.history(2)[-1].rows):
        shop.rename(row, f"{number:012d}", "Papadopoulou")
    page = open_page(f"{serve(shop.snapshot()).url}/?wall", size=WALL)
    expect(rows(page)).to_have_count(10)
    is_cut = (
        "links => links.filter(link => link.scrollWidth > link.clientWidth).map(link => link.textContent)"
    )
    assert page.locator("#table tbody th a").evaluate_all(is_cut) == []
