"""What the charts' axes say: the labels that are drawn on their canvases."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewContext, Serve
from tests.browser.page_parts import side
from tests.browser.shop_snapshots import InventedShop, detail
from tests.dashboard_stage import KnownCustomers
from tests.waiting import wait_until

NOTE_TEXTS = """(() => {
    const fillText = CanvasRenderingContext2D.prototype.fillText;
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
        if (text === "") return;
        const width = this.measureText(text).width;
        const left = { left: x, start: x, center: x - width / 2, right: x - width, end: x - width }[this.textAlign];
        this.canvas.texts.push({ text, left, right: left + width, align: this.textAlign, font: this.font });
        return fillText.apply(this, arguments);
    };
    const clearRect = CanvasRenderingContext2D.prototype.clearRect;
    CanvasRenderingContext2D.prototype.clearRect = function () {
        this.canvas.texts = [];
        return clearRect.apply(this, arguments);
    };
})()"""
DRAWN = "canvas => canvas.texts.map(text => ({ ...text, width: canvas.width }))"
SAYS_THE_SAME = """() => {
    const leader = document.querySelector("#table tbody td[data-column=ltv]").textContent;
    return document.querySelector(".legend .value").textContent === `$${leader}`;
}"""
FRAME_MS = 20
GLANCE_MS = 300
SNAPSHOTS = 7
SIZES = [(1280, 800), (390, 844)]


def labels(page: Page, chart: int) -> list[dict[str, Any]]:
    """The labels of a chart as it was drawn last."""
    drawn: list[dict[str, Any]] = side(page).locator("canvas").nth(chart).evaluate(DRAWN)
    return drawn


def values(drawn: list[dict[str, Any]]) -> list[str]:
    """Those of the axis at the left."""
    return [each["text"] for each in drawn if each["align"] == "right"]


@pytest.fixture
def shop() -> InventedShop:
    """Its newest snapshot is of a few seconds after a label of the time axis."""
    now = datetime.now(UTC)
    return InventedShop(now=now - timedelta(seconds=now.timestamp() % 600 - 5))


@pytest.mark.parametrize("size", SIZES)
def test_no_label_is_cut_at_the_edge(
    size: tuple[int, int], shop: InventedShop, serve: Serve, new_context: NewContext
) -> None:
    page = new_context(size=size).new_page()
    page.add_init_script(NOTE_TEXTS)
    page.goto(serve(*shop.history(150, every_s=10.0)).url)
    expect(side(page).locator("canvas")).to_have_count(3)
    for chart in range(3):
        drawn = labels(page, chart)
        assert [each["text"] for each in drawn if each["left"] < 0 or each["right"] > each["width"]] == []


def test_a_scale_has_two_labels_at_least(shop: InventedShop, serve: Serve, new_context: NewContext) -> None:
    *history, newest = shop.history(30, every_s=10.0)
    letters = newest.totals.dead_letters + 15_000 // 6
    burst = structs.replace(newest, totals=structs.replace(newest.totals, dead_letters=letters))
    page = new_context().new_page()
    page.add_init_script(NOTE_TEXTS)
    page.goto(serve(*history, burst).url)
    expect(side(page).locator("canvas")).to_have_count(3)
    assert [len(values(labels(page, chart))) >= 2 for chart in range(3)] == [True] * 3


def test_the_axis_of_ranks_names_the_best_one(serve: Serve, new_context: NewContext) -> None:
    shop = InventedShop(x=20)
    history = shop.history(30, every_s=10.0)
    last = history[-1].rows[-1].customer_id
    history.append(shop.snapshot(favour=last))
    page = new_context().new_page()
    page.add_init_script(NOTE_TEXTS)
    served = serve(*history, customers=KnownCustomers(*map(detail, history[-1].rows)))
    page.goto(f"{served.url}/customers/{last}")
    expect(side(page).locator("canvas")).to_have_count(2)
    assert "1" in values(labels(page, 1))


def test_labels_are_as_large_on_a_fine_screen(
    shop: InventedShop, serve: Serve, new_context: NewContext
) -> None:
    page = new_context(device_scale_factor=2).new_page()
    page.add_init_script(NOTE_TEXTS)
    page.goto(serve(*shop.history(30, every_s=10.0)).url)
    expect(side(page).locator("canvas")).to_have_count(3)
    [font] = {each["font"] for each in labels(page, 0)}
    assert float(font.split("px")[0]) >= 20


def test_the_legend_says_what_the_ranking_says_where_snapshots_come_one_after_the_other(
    serve: Serve, new_context: NewContext
) -> None:
    shop = InventedShop()
    served = serve(*shop.history(30, every_s=10.0))
    page = new_context().new_page()
    page.clock.install()
    page.goto(served.url)
    expect(side(page).locator("canvas")).to_have_count(3)
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))
    for number in range(SNAPSHOTS):
        newest = shop.snapshot(after_s=0.5)
        [first, *others] = newest.rows
        first = structs.replace(first, ltv=f"9{number}000000.00")
        served.emit(structs.replace(newest, rows=[first, *others]))
        wait_until(lambda: is_shown_after(page, FRAME_MS, shop.sequence), f"snapshot {shop.sequence}")
        page.clock.run_for(GLANCE_MS)
        assert page.evaluate(SAYS_THE_SAME), number


def is_shown_after(page: Page, step_ms: int, sequence: int) -> bool:
    """Whether the page shows this snapshot once its clock, which the test moves, has gone on by this step."""
    page.clock.run_for(step_ms)
    shown: str = page.locator("#time .shown-snapshot").inner_text()
    return shown.endswith(f"snapshot {sequence:,}")
