"""The tabs of one browser share one stream, whichever tab closes."""

from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page

from tests.browser.conftest import NewContext, Serve
from tests.browser.page_parts import expect_snapshot, expect_state
from tests.browser.page_stage import PageStage
from tests.browser.shop_snapshots import InventedShop
from tests.waiting import wait_until

TABS = 7
"""One more than the connections that a browser opens to one host."""


def open_streams(served: PageStage) -> int:
    return served.metrics.open_streams


def test_seven_tabs_share_one_stream_and_a_tab_that_closes_is_replaced(
    serve: Serve, new_context: NewContext
) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)  # Not late before a slow machine has opened all tabs.
    shop = InventedShop(now=ahead)
    served = serve(*shop.history(5))
    context = new_context()

    def opened() -> Page:
        page = context.new_page()
        page.goto(served.url)
        return page

    tabs = [opened() for _ in range(TABS)]
    for tab in tabs:
        expect_snapshot(tab, 5)
        expect_state(tab, "Live")
    assert open_streams(served) == 1
    served.emit(shop.snapshot())
    for tab in tabs:
        expect_snapshot(tab, 6)

    tabs[0].close()
    served.emit(shop.snapshot())
    for tab in tabs[1:]:
        expect_snapshot(tab, 7)
    wait_until(lambda: open_streams(served) == 1, "one stream for the tabs that are left")
    served.emit(shop.snapshot())
    for tab in tabs[1:]:
        expect_snapshot(tab, 8)


def test_without_locks_a_tab_has_its_own_stream_while_it_is_visible(
    serve: Serve, new_context: NewContext
) -> None:
    """Browsers have locks on HTTPS and on this machine only."""
    shop = InventedShop()
    served = serve(*shop.history(5))
    context = new_context()
    context.add_init_script("Object.defineProperty(Navigator.prototype, 'locks', {value: undefined})")
    page = context.new_page()
    page.goto(served.url)
    expect_state(page, "Live")
    wait_until(lambda: open_streams(served) == 1, "the tab's stream")
    become = """hidden => {
        Object.defineProperty(Document.prototype, 'hidden', {value: hidden, configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    page.evaluate(become, True)
    wait_until(lambda: open_streams(served) == 0, "no stream for a hidden tab")
    served.emit(shop.snapshot())
    page.evaluate(become, False)
    expect_snapshot(page, 6)
