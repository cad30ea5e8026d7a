"""The state of trust: each one in words, with its cause, and back to live by itself."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from broker.readiness import free_port
from contract.access_token import AccessToken
from dashboard.broadcast import FeedState
from tests.browser.conftest import NewContext, OpenPage, Serve
from tests.browser.page_parts import expect_snapshot, expect_state, rows, side
from tests.browser.page_stage import PageStage, page_stage
from tests.browser.shop_snapshots import InventedShop, behind
from tests.waiting import wait_until


def shop_of(seconds_ago: float) -> InventedShop:
    return InventedShop(now=datetime.now(UTC) - timedelta(seconds=seconds_ago))


@pytest.fixture
def shop() -> InventedShop:
    return InventedShop()


@pytest.fixture
def served(shop: InventedShop, serve: Serve) -> PageStage:
    return serve(*shop.history(10))


def test_a_fresh_and_complete_snapshot_is_live_and_its_age_ticks(
    served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    expect_state(page, "Live", r"^snapshot \d s old, newest event \d s old; all events counted$")
    before = page.locator("#trust-why").inner_text()
    expect(page.locator("#trust-why")).not_to_have_text(before)


def test_an_overdue_snapshot_is_late(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(*shop_of(30).history(5)).url)
    expect_state(page, "Late", r"the next snapshot is overdue; snapshot 3\d s old")


def test_events_that_are_old_make_a_fresh_snapshot_late(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    served.emit(shop.quiet_snapshot(since=timedelta(hours=5)))
    expect_state(page, "Late", "newest event 5 h old; all events counted")


def test_without_snapshots_for_long_the_page_is_stale(serve: Serve, open_page: OpenPage) -> None:
    page = open_page(serve(*shop_of(600).history(5)).url)
    expect_state(page, "Stale", r"no new snapshot for 10 min; is a consumer running\?")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"missing": 1}, "^partition 1 not reported yet, so its customers are missing"),
        ({}, "^12,480 records up to 45 s old not counted, on partition 2;"),
        ({"blocked_s": 400.0}, "an open transaction blocks partition 2 for 6 min"),
    ],
)
def test_what_is_not_counted_makes_the_page_incomplete(
    given: dict[str, float], why: str, served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    expect_state(page, "Live")
    served.emit(shop.snapshot(coverage=behind(shop.now, **given)))  # type: ignore[arg-type]
    expect_state(page, "Incomplete", why)
    served.emit(shop.snapshot())
    expect_state(page, "Live")


def test_pause_holds_the_page_and_counts_what_it_misses(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    expect_snapshot(page, 10)
    expect(page.get_by_role("slider")).to_have_attribute("max", "10")
    held = page.locator("#table tbody").inner_text()
    page.get_by_role("button", name="Pause").click()
    expect_state(page, "Paused", "no snapshot missed yet")
    served.emit(shop.snapshot())
    served.emit(shop.snapshot(), shop.snapshot())
    expect_state(page, "Paused", "^3 snapshots missed")
    assert page.locator("#table tbody").inner_text() == held
    expect(page.get_by_role("slider")).to_have_attribute("max", "10")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("slider")).to_have_attribute("max", "13")
    expect_state(page, "Live")
    expect_snapshot(page, 13)


def test_a_dashboard_without_a_broker_is_reconnecting(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(served.url)
    served.set_state(FeedState.RECONNECTING)
    expect_state(page, "Reconnecting", "the dashboard can't reach Kafka; snapshot .* old")
    served.set_state(FeedState.LIVE)
    expect_state(page, "Live")


def test_snapshots_of_a_newer_program_are_said_to_be_unreadable(
    served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    served.set_state(FeedState.UNREADABLE)
    expect_state(page, "Stale", "a newer program writes the snapshots: update the dashboard")


def test_before_the_first_snapshot_the_page_waits_for_it(
    serve: Serve, shop: InventedShop, open_page: OpenPage
) -> None:
    served = serve()
    page = open_page(served.url, is_away=True)
    expect_state(page, "Waiting", "there is no snapshot yet")
    for part in (page.get_by_role("slider"), page.get_by_text("Back to live"), page.get_by_role("searchbox")):
        expect(part).to_be_hidden()
    expect(side(page).locator("figure").first).to_be_hidden()
    served.set_state(FeedState.LIVE)
    served.emit(shop.snapshot())
    expect(rows(page)).to_have_count(10)
    expect_state(page, "Live")
    expect(page.get_by_role("slider")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_visible()


def test_after_a_restart_of_the_server_a_page_goes_on_without_a_gap(
    shop: InventedShop, open_page: OpenPage
) -> None:
    port = free_port()
    past = shop.history(10)
    with page_stage(*past, port=port) as served:
        page = open_page(served.url, is_away=True)
        expect_snapshot(page, 10)
    expect_state(page, "Reconnecting", "the dashboard's server does not answer")
    missed = [shop.snapshot() for _ in range(4)]
    with page_stage(*past, *missed, port=port):
        expect_snapshot(page, 14)
        expect_state(page, "Live")
        # The slider has a place for each: those that were emitted meanwhile came, too.
        expect(page.get_by_role("slider")).to_have_attribute("max", "14")
        page.close()


def test_a_history_that_could_not_be_fetched_is_fetched_with_the_next_snapshot(
    served: PageStage, shop: InventedShop, new_context: NewContext
) -> None:
    context = new_context(is_away=True)
    context.route("**/api/snapshots?*", lambda route: route.abort())
    page = context.new_page()
    with page.expect_event("requestfailed"):
        page.goto(served.url)
    expect_snapshot(page, 10)
    context.unroute("**/api/snapshots?*")
    served.emit(shop.snapshot())
    expect(page.get_by_role("slider")).to_have_attribute("max", "11")


def test_a_cut_network_is_said_and_left_behind(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url, is_away=True)
    expect_state(page, "Live")
    page.context.set_offline(True)
    expect_state(page, "Reconnecting", "the dashboard's server does not answer")
    served.emit(shop.snapshot())
    page.context.set_offline(False)
    expect_state(page, "Live")
    expect_snapshot(page, 11)


CUT = "the network cuts streams, so the page asks every 5 s$"


def cut(route: Route) -> None:
    """Answer as a proxy that lets no stream through."""
    route.fulfill(status=502, body="")


def hold(_route: Route) -> None:
    """Be a proxy that collects a stream and never has enough to send."""


def open_where_streams_are_cut(served: PageStage, open_page: OpenPage) -> Page:
    """A page that polls, with a clock that the test moves."""
    page = open_page("about:blank", is_away=True)
    page.clock.install()
    page.context.route("**/api/stream*", cut)
    page.goto(served.url)
    expect_state(page, "Live", CUT)
    return page


def test_what_the_page_was_not_sent_has_its_place_in_the_history(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_where_streams_are_cut(served, open_page)
    expect(page.get_by_role("slider")).to_have_attribute("max", "10")
    served.emit(*[shop.snapshot() for _ in range(4)])
    page.clock.fast_forward(6_000)
    expect_snapshot(page, 14)
    expect(page.get_by_role("slider")).to_have_attribute("max", "14")


def test_where_streams_are_cut_the_page_asks_and_says_so_until_a_stream_stays(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_where_streams_are_cut(served, open_page)
    served.emit(shop.snapshot())
    expect_snapshot(page, 11)
    with page.expect_request("**/api/stream*"):
        page.clock.fast_forward(61_000)
    served.emit(shop.snapshot())
    expect_snapshot(page, 12)
    expect(page.locator("#trust-why")).to_have_text(re.compile(CUT))
    page.context.unroute("**/api/stream*")
    page.clock.fast_forward(121_000)
    expect(page.locator("#trust-why")).not_to_have_text(re.compile(CUT))
    served.emit(shop.snapshot())
    expect_snapshot(page, 13)


def test_where_streams_are_collected_the_page_asks_and_says_so(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page("about:blank", is_away=True)
    page.clock.install()
    page.context.route("**/api/stream*", hold)
    page.goto(served.url)
    expect_snapshot(page, 10)
    served.emit(shop.snapshot())
    with page.expect_request("**/api/stream*"):  # The first silence: another stream is tried.
        page.clock.fast_forward(16_000)
    page.clock.fast_forward(16_000)
    expect(page.locator("#trust-why")).to_have_text(re.compile(CUT))
    expect_snapshot(page, 11)


def test_a_token_that_is_not_valid_any_more_is_said(
    serve: Serve, shop: InventedShop, open_page: OpenPage
) -> None:
    served = serve(*shop.history(3), token=AccessToken("correct-horse-battery"))
    page = open_page(served.url, is_away=True)
    page.get_by_label("Access token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the access token.")
    page.get_by_label("Access token").fill("correct-horse-battery")
    page.get_by_role("button", name="Open").click()
    expect_state(page, "Live")
    page.context.clear_cookies()
    page.context.set_offline(True)
    page.context.set_offline(False)
    expect_state(page, "Locked", "load the page again")
    page.reload()
    expect(page.get_by_label("Access token")).to_be_visible()


def test_a_screen_reader_hears_a_state_once_and_no_ticking(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    expect(page.locator("#spoken")).to_have_text(re.compile("^Live: "))
    page.evaluate(
        """() => {
            window.heard = [];
            new MutationObserver(() => window.heard.push(document.getElementById("spoken").textContent))
                .observe(document.getElementById("spoken"), {childList: true, subtree: true, characterData: true});
        }"""
    )
    for _ in range(3):
        served.emit(shop.snapshot())
    served.emit(shop.snapshot(coverage=behind(shop.now)))
    expect_state(page, "Incomplete")
    wait_until(lambda: page.evaluate("window.heard.length"), "a sentence for screen readers")
    assert [text.partition(":")[0] for text in page.evaluate("window.heard")] == ["Incomplete"]
