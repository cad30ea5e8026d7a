"""Pictures of the page in each state, in tests/browser/pictures/; with LTV_PICTURES=docs also those of the README."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from playwright.sync_api import Page, expect

from contract.access_token import AccessToken
from contract.snapshots import Snapshot
from dashboard.broadcast import FeedState
from tests.browser.conftest import OpenPage, Serve
from tests.browser.page_parts import expect_state, rows, side
from tests.browser.page_stage import PageStage
from tests.browser.shop_snapshots import InventedShop, behind, detail
from tests.dashboard_stage import KnownCustomers

ROOT: Final = Path(__file__).parents[2]
PICTURES: Final = ROOT / "tests" / "browser" / "pictures"
DOCS: Final = ROOT / "docs" / "pictures"
IN_DOCS: Final = ("ranking", "customer")
DESKTOP: Final = (1440, 900)
"""All columns have room."""
PHONE: Final = (390, 844)
MOVES: Final = 4
AHEAD_S: Final = 2
WALL: Final = (1920, 1080)


Before = Callable[[Page, PageStage, InventedShop], None]


def nothing(_page: Page, _served: PageStage, _shop: InventedShop) -> None:
    """The page is as it is at first."""


class Picture(NamedTuple):
    """What a picture shows: an address, a window, and what happens before."""

    path: str = "/"
    size: tuple[int, int] = DESKTOP
    theme: str = "light"
    before: Before = nothing
    charts: int = 3


def opened(page: Page, _served: PageStage, _shop: InventedShop) -> None:
    expect(side(page)).to_contain_text("lifetime value")


def compared(page: Page, _served: PageStage, _shop: InventedShop) -> None:
    expect(side(page).locator("tbody")).to_have_count(3)


def past(page: Page, _served: PageStage, _shop: InventedShop) -> None:
    expect_state(page, "Past")


def paused(page: Page, served: PageStage, shop: InventedShop) -> None:
    page.get_by_role("button", name="Pause").click()
    served.emit(shop.snapshot(), shop.snapshot())
    expect_state(page, "Paused", "2 snapshots missed")


def incomplete(page: Page, served: PageStage, shop: InventedShop) -> None:
    served.emit(shop.snapshot(coverage=behind(shop.now, missing=1)))
    expect_state(page, "Incomplete")


def blocked(page: Page, served: PageStage, shop: InventedShop) -> None:
    served.emit(shop.snapshot(coverage=behind(shop.now, blocked_s=400)))
    expect_state(page, "Incomplete")


def late(page: Page, served: PageStage, shop: InventedShop) -> None:
    served.emit(shop.quiet_snapshot(since=timedelta(hours=5)))
    expect_state(page, "Late")


def reconnecting(page: Page, served: PageStage, _shop: InventedShop) -> None:
    served.set_state(FeedState.RECONNECTING)
    expect_state(page, "Reconnecting")


def not_found(page: Page, _served: PageStage, _shop: InventedShop) -> None:
    page.get_by_role("searchbox").fill("nobody of these")
    expect(page.get_by_role("link", name="Look up")).to_be_visible()


STATES = {
    "ranking": Picture(),
    "ranking-dark": Picture(theme="dark"),
    "customer": Picture("/customers/THIRD", theme="dark", before=opened, charts=2),
    "customer-phone": Picture("/customers/THIRD", PHONE, before=opened, charts=2),
    "phone": Picture(size=PHONE),
    "phone-dark": Picture(size=PHONE, theme="dark"),
    "laptop": Picture(size=(1280, 800)),
    "tablet": Picture(size=(900, 1100)),
    "wall": Picture("/?wall", WALL, "dark", charts=2),
    "wall-light": Picture("/?wall", WALL, charts=2),
    "past": Picture("/snapshots/100", before=past),
    "compare": Picture("/?compare=900", before=compared, charts=0),
    "paused": Picture(before=paused),
    "incomplete": Picture(before=incomplete),
    "blocked-dark": Picture(before=blocked, theme="dark"),
    "late": Picture(before=late),
    "reconnecting-dark": Picture(before=reconnecting, theme="dark"),
    "not-found": Picture(before=not_found),
}


def moved_snapshot(shop: InventedShop) -> Snapshot:
    """The next snapshot in which some rows have moved."""
    newest = shop.snapshot(after_s=0.1)
    while sum(row.rank != row.previous_rank for row in newest.rows) < MOVES:
        newest = shop.snapshot(after_s=0.1)
    return newest


@pytest.mark.parametrize("name", STATES)
def test_each_state_has_a_picture(name: str, serve: Serve, open_page: OpenPage) -> None:
    picture = STATES[name]
    shop = InventedShop(now=datetime.now(UTC) - timedelta(seconds=AHEAD_S))
    history = [*shop.history(200, every_s=10.0), moved_snapshot(shop)]
    known = [detail(row, orders=row.orders) for row in history[-1].rows]
    served = serve(*history, customers=KnownCustomers(*known))
    third = history[-1].rows[2].customer_id
    page = open_page(
        served.url + picture.path.replace("THIRD", third),
        size=picture.size,
        color_scheme=picture.theme,
        reduced_motion="reduce",
    )
    if name != "customer-phone":
        expect(rows(page)).to_have_count(10)
    expect(side(page).locator("canvas")).to_have_count(picture.charts)
    picture.before(page, served, shop)
    PICTURES.mkdir(exist_ok=True)
    file = PICTURES / f"{name}.png"
    page.screenshot(path=file, full_page="phone" in name or name == "tablet")
    assert file.stat().st_size > 10_000
    if name in IN_DOCS and os.environ.get("LTV_PICTURES") == "docs":
        DOCS.mkdir(exist_ok=True)
        shutil.copy(file, DOCS / file.name)


def test_a_stale_page_has_a_picture(serve: Serve, open_page: OpenPage) -> None:
    shop = InventedShop(now=datetime.now(UTC) - timedelta(minutes=10))
    page = open_page(serve(*shop.history(200, every_s=10.0)).url, size=DESKTOP)
    expect_state(page, "Stale")
    expect(side(page).locator("canvas")).to_have_count(3)
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "stale.png")


def test_a_page_without_a_snapshot_has_a_picture(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve().url, size=DESKTOP, is_away=True)
    expect_state(page, "Waiting")
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / "waiting.png")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_login_page_has_a_picture(theme: str, serve: Serve, open_page: OpenPage) -> None:
    served = serve(token=AccessToken("correct-horse-battery"))
    page = open_page(served.url, size=DESKTOP, color_scheme=theme, is_away=True)
    page.get_by_label("Access token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the access token.")
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"login-{theme}.png")
