"""The page of `ltv report` on paper."""

from datetime import UTC, datetime

from playwright.sync_api import Browser

from consumer.domain import Aggregate, ingest
from report.customer_figures import figures_of
from report.page import report_page

BREAKS = "each => getComputedStyle(each).breakInside"


def test_on_paper_no_heading_is_parted_from_its_picture_and_the_colours_are_light(browser: Browser) -> None:
    state = Aggregate()
    ingest(
        {
            "type": "ORDER",
            "verb": "NEW",
            "key": "o1",
            "event_time": "2026-01-01T00:00:00Z",
            "customer_id": "c1",
            "total_amount": "5.00 USD",
        },
        state,
    )
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.set_content(report_page(figures_of([state], 0), "events.ndjson", datetime.now(UTC)))
    page.emulate_media(media="print")
    parts = page.locator("section, figure")
    assert parts.count() > 4
    assert set(parts.evaluate_all(f"parts => parts.map({BREAKS})")) == {"avoid"}
    assert (
        page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
        == "rgb(255, 255, 255)"
    )
    context.close()
