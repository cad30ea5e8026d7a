"""Back through the history: past snapshots, exports, comparison, and charts that a reload does not empty."""

import re

import pytest
from msgspec import structs
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Serve
from tests.browser.page_parts import cells, column, expect_snapshot, expect_state, rows, side
from tests.browser.page_stage import PageStage
from tests.browser.shop_snapshots import InventedShop

HISTORY = 120
EVERY_S = 60.0


@pytest.fixture
def shop() -> InventedShop:
    return InventedShop()


@pytest.fixture
def served(shop: InventedShop, serve: Serve) -> PageStage:
    return serve(*shop.history(HISTORY, EVERY_S))


def test_the_snapshot_before_and_the_one_after_are_a_click_away(
    served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    page.get_by_role("link", name="The snapshot before").click()
    expect(page).to_have_url(re.compile(f"/snapshots/{HISTORY - 1}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Snapshot {HISTORY - 1}")
    expect_state(page, "Past", "emitted .* ago; counted all events")
    page.get_by_role("link", name="The snapshot before").click()
    expect_snapshot(page, HISTORY - 2)
    page.get_by_role("link", name="The snapshot after").click()
    expect_snapshot(page, HISTORY - 1)
    page.get_by_role("link", name="Back to live").click()
    expect(page).to_have_url(f"{served.url}/")
    expect_snapshot(page, HISTORY)


def test_the_slider_goes_through_the_history(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(served.url)
    slider = page.get_by_role("slider", name="Snapshot")
    expect(slider).to_have_attribute("max", re.compile(r"^[1-9]\d+$"))
    slider.focus()
    page.keyboard.press("Home")
    expect_state(page, "Past")
    expect(page).to_have_url(re.compile(r"/snapshots/\d+$"))
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"snapshot \d+$"))
    page.keyboard.press("End")
    expect(page).to_have_url(f"{served.url}/")


def test_a_snapshot_of_the_history_is_asked_for_so_that_the_browser_keeps_it(
    served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    slider = page.get_by_role("slider", name="Snapshot")
    expect(slider).to_have_attribute("max", re.compile(r"^[1-9]\d+$"))
    slider.focus()
    with page.expect_response(re.compile(r"/api/snapshots/\d+\?emitted_at=")) as answer:
        page.keyboard.press("Home")
    assert "immutable" in answer.value.headers["cache-control"]


def test_a_past_snapshot_is_shown_with_its_ranking(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/snapshots/50")
    expect_snapshot(page, 50)
    assert column(page, "Customer") == [row.customer_id for row in served.known.of(50).rows]


def test_a_past_snapshot_stays_while_newer_ones_come(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(f"{served.url}/snapshots/{HISTORY}")
    expect_snapshot(page, HISTORY)
    after = page.get_by_role("link", name="The snapshot after")
    expect(after).to_have_count(0)
    shown = [row.customer_id for row in served.known.newest.rows]
    served.emit(shop.snapshot(favour=shown[-1]))
    expect(after).to_have_attribute("href", f"/snapshots/{HISTORY + 1}")
    expect_snapshot(page, HISTORY)
    assert column(page, "Customer") == shown


def test_a_snapshot_that_is_not_kept_is_said_to_be_gone(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/snapshots/999999", is_away=True)
    expect(page.get_by_role("alert")).to_have_text(
        "Snapshot 999,999 can't be shown: it is not kept any more, or not emitted yet."
    )


def test_the_exports_are_those_of_the_snapshot_on_the_page(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/snapshots/50")
    expect_snapshot(page, 50)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "snapshot-50.csv"
    assert download.value.path().read_text().count("\n") == 11
    expect(page.get_by_role("link", name="JSON")).to_have_attribute("href", "/api/snapshots/50")


def test_a_comparison_shows_who_came_went_and_moved(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    page.get_by_role("link", name="Compare with an hour ago").click()
    groups = side(page).locator("tbody")
    expect(groups).to_have_count(3)
    now, then = served.known.newest, served.known.of(HISTORY - 60)
    ranks = {row.customer_id: row.rank for row in then.rows}
    came = [row.customer_id for row in now.rows if row.customer_id not in ranks]
    went = [each for each in ranks if each not in {row.customer_id for row in now.rows}]
    moved = [row.customer_id for row in now.rows if ranks.get(row.customer_id, row.rank) != row.rank]
    expect(groups.nth(0)).to_contain_text(f"Came ({len(came)})")
    expect(groups.nth(1)).to_contain_text(f"Went ({len(went)})")
    expect(groups.nth(2)).to_contain_text(f"Moved ({len(moved)})")
    assert [groups.nth(1).locator("a").all_inner_texts()] == [went]
    expect(side(page)).to_contain_text(f"snapshot {then.sequence}")


def test_a_comparison_says_where_the_history_does_not_reach_back(
    served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(f"{served.url}/?compare=604800")
    expect(side(page)).to_contain_text("The history does not reach further back. Then: ")
    page.get_by_label("Compare with").select_option("15 minutes ago")
    expect(side(page)).to_contain_text(f"snapshot {HISTORY - 15}")
    expect(side(page)).not_to_contain_text("reach further back")


def test_charts_are_filled_from_the_server_and_go_on_with_the_stream(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    for _ in range(2):
        charts = side(page).get_by_role("img")
        expect(charts).to_have_count(4)
        expect(side(page).locator("canvas")).to_have_count(3)
        expect(charts.nth(2)).to_have_attribute(
            "aria-label", re.compile(r"events per second, now [\d,]+, .* in \d+ snapshots")
        )
        page.reload()
    first = served.known.newest.rows[0].customer_id
    expect(side(page).locator(".legend li").first).to_contain_text(first)
    burst = shop.snapshot()
    served.emit(
        structs.replace(burst, totals=structs.replace(burst.totals, events=burst.totals.events + 10**9))
    )
    events = side(page).locator("figure", has_text="Events per second").locator(".now")
    expect(events).to_have_text(re.compile(r"^[\d,]{9,}$"))


def test_a_customer_can_be_looked_at_beside_a_past_snapshot(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/snapshots/50", is_away=True)
    first = cells(rows(page).first)[2]
    rows(page).first.locator("a").click()
    expect(page).to_have_url(re.compile(f"/customers/{first}\\?snapshot=50$"))
    expect_snapshot(page, 50)
    page.get_by_role("link", name="Close").click()
    expect(page).to_have_url(re.compile("/snapshots/50$"))


def test_a_name_from_right_to_left_stands_apart_from_the_id(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    shop.rename(served.known.newest.rows[0], "from-right-to-left", "\u05db\u05d4\u05df")
    served.emit(shop.snapshot())
    page = open_page(f"{served.url}/?compare=3600")
    heading = side(page).locator("th", has_text="from-right-to-left")
    id_box = heading.locator("bdi").first.bounding_box()
    assert id_box
    text_starts = (
        heading.locator("bdi")
        .nth(1)
        .evaluate("""name => {
        const range = document.createRange();
        const start = name.textContent.search(/\\S/);
        range.setStart(name.firstChild, start);
        range.setEnd(name.firstChild, name.textContent.length);
        return range.getBoundingClientRect().left;
    }""")
    )
    assert text_starts > id_box["x"] + id_box["width"] + 2
