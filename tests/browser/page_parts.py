"""The parts of the page, as a person sees them."""

import re
from typing import Final

from playwright.sync_api import Locator, Page, expect

COLUMNS: Final = (
    "Rank",
    "Move",
    "Customer",
    "Name",
    "LTV",
    "Spend",
    "Weeks",
    "Orders",
    "Visits",
    "Per visit",
    "Per week",
)


def rows(page: Page) -> Locator:
    return page.locator("#table tbody tr")


def row_of(page: Page, customer_id: str) -> Locator:
    return rows(page).filter(has=page.get_by_role("link", name=customer_id, exact=True))


def cells(row: Locator) -> list[str]:
    """The texts of a row, once it is there."""
    expect(row).to_be_visible()
    return [text.strip() for text in row.locator("th, td").all_inner_texts()]


def column(page: Page, name: str) -> list[str]:
    """The texts of a column of the ranking, once it is there."""
    expect(rows(page).first).to_be_visible()
    texts = page.locator(f"#table tbody tr > :nth-child({COLUMNS.index(name) + 1})").all_inner_texts()
    return [text.strip() for text in texts]


def expect_state(page: Page, label: str, why: str = "") -> None:
    """Wait for a state of trust, and for what it says of its cause (a regular expression)."""
    expect(page.locator("#trust-state")).to_have_text(label)
    if why:
        expect(page.locator("#trust-why")).to_have_text(re.compile(why))


def expect_snapshot(page: Page, sequence: int) -> None:
    """Wait until the page shows this snapshot."""
    expect(page.locator("#time .shown-snapshot")).to_have_text(re.compile(rf"snapshot {sequence:,}$"))


def side(page: Page) -> Locator:
    return page.locator("#side")
