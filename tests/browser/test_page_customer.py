"""One customer on the page: why it has its value, what it ordered, where it stands, and as of which offset."""

import re
from urllib.parse import quote

import pytest
from msgspec import structs
from playwright.sync_api import expect

from contract.customers import LOST_IN_PATHS, customer_address
from tests.browser.conftest import OpenPage, Serve
from tests.browser.page_parts import row_of, side
from tests.browser.page_stage import PageStage
from tests.browser.shop_snapshots import InventedShop, detail
from tests.dashboard_stage import OUT_OF_REACH, KnownCustomers, customer

ODD_IDS = [*sorted(LOST_IN_PATHS), "a/b", "50%25 off?#x&y", "Zoë Ω 漢", "'\"<>"]


@pytest.fixture
def shop() -> InventedShop:
    return InventedShop()


@pytest.fixture
def served(shop: InventedShop, serve: Serve) -> PageStage:
    past = shop.history(30)
    known = [detail(row) for row in past[-1].rows]
    known[4] = structs.replace(known[4], source="changelog")
    return serve(*past, customers=KnownCustomers(*map(customer, ODD_IDS), *known))


def test_a_click_on_a_row_opens_the_customer_with_the_numbers_of_its_value(
    served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    third = served.known.newest.rows[2]
    row_of(page, third.customer_id).locator("[data-column=spend]").click()
    derivation = side(page).locator(".derivation")
    expect(derivation).to_contain_text("lifetime value")
    weeks = "active week" if third.weeks == 1 else "active weeks"
    assert " ".join(derivation.inner_text().split()) == (
        f"${float(third.total_spend):,.2f} spend / {third.weeks} {weeks} × 52 weeks a year × 10 years "
        f"= ${float(third.ltv):,.2f} lifetime value"
    )
    expect(page).to_have_url(re.compile(f"/customers/{third.customer_id}$"))
    expect(row_of(page, third.customer_id)).to_have_attribute("data-open", "")


def test_a_customer_has_the_figures_for_which_a_phone_has_no_columns(
    shop: InventedShop, serve: Serve, open_page: OpenPage
) -> None:
    """The spend per visit is a half of a cent between two cents."""
    past = shop.history(2)
    third = structs.replace(past[-1].rows[2], total_spend="1234.10", visits=20, weeks=3)
    served = serve(*past, customers=KnownCustomers(detail(third)))
    page = open_page(f"{served.url}/customers/{third.customer_id}", size=(390, 844))
    expect(side(page)).to_contain_text(
        "14 orders, 20 visits, active in 3 weeks. $61.70 per visit, 6.67 visits per week."
    )


def test_each_number_of_the_value_has_its_meaning_right_below_it(
    served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(f"{served.url}/customers/{served.known.newest.rows[2].customer_id}")
    expect(side(page).locator(".derivation")).to_contain_text("lifetime value")
    off = (
        side(page)
        .locator(".part")
        .evaluate_all("""parts => parts.map(part => {
        const left = element => {
            const range = document.createRange();
            range.selectNode(element.lastChild);
            return range.getBoundingClientRect().left;
        };
        return left(part.querySelector(".of")) - left(part.querySelector(".amount"));
    })""")
    )
    assert max(map(abs, off)) < 1


def test_a_customer_says_where_it_stands_and_as_of_which_offset(
    served: PageStage, open_page: OpenPage
) -> None:
    [_, ahead, third, *_] = served.known.newest.rows
    page = open_page(f"{served.url}/customers/{third.customer_id}")
    expect(side(page)).to_contain_text("As of offset 48,211 of partition 2, from the worker that owns it.")
    expect(side(page)).to_contain_text("Rank 3 now.")
    expect(side(page)).to_contain_text(
        re.compile(rf"\$[\d,.]+ more spend would bring rank 2, which now has {ahead.customer_id}")
    )
    expect(side(page).get_by_role("img", name=re.compile("^Active in "))).to_be_visible()
    expect(side(page).get_by_role("img", name=re.compile("^Rank over time, from "))).to_be_visible()
    expect(side(page).get_by_role("img", name=re.compile("^Lifetime value over time"))).to_be_visible()


def test_a_figure_from_the_changelog_says_so(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/customers/{served.known.newest.rows[4].customer_id}")
    expect(side(page)).to_contain_text("from the changelog: no worker answers for it now")


def test_orders_are_listed_with_their_versions_and_more_on_demand(
    served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(f"{served.url}/customers/{served.known.newest.rows[0].customer_id}")
    lines = side(page).locator(".orders tbody tr")
    expect(lines).to_have_count(10)
    assert lines.nth(1).inner_text().split("\t")[:3] == ["o-6999", "28 May 2026, 09:30", "updated"]
    side(page).get_by_role("button", name="Show 4 more").click()
    expect(lines).to_have_count(14)


@pytest.mark.parametrize("customer_id", ODD_IDS)
def test_a_permalink_takes_any_id(customer_id: str, served: PageStage, open_page: OpenPage) -> None:
    page = open_page(served.url + customer_address(customer_id))
    expect(side(page).get_by_role("heading", level=2)).to_have_text(customer_id)
    expect(side(page)).to_contain_text("As of offset 7 of partition 0")


@pytest.mark.parametrize("customer_id", sorted(LOST_IN_PATHS))
def test_the_search_finds_an_id_that_is_lost_in_paths(
    customer_id: str, served: PageStage, open_page: OpenPage
) -> None:
    page = open_page(served.url)
    field = page.get_by_role("searchbox")
    field.fill(customer_id)
    field.press("Enter")
    expect(side(page).get_by_role("heading", level=2)).to_have_text(customer_id)
    expect(page).to_have_url(re.compile(r"/customers\?id=" + re.escape(customer_id) + "$"))


def test_a_customer_that_nobody_knows_is_said_to_be_unknown(served: PageStage, open_page: OpenPage) -> None:
    page = open_page(f"{served.url}/customers/nobody", is_away=True)
    expect(side(page)).to_contain_text("Not known: no customer 'nobody'")


def test_figures_that_cannot_be_read_now_are_asked_for_again(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    page = open_page(f"{served.url}/customers/{quote(OUT_OF_REACH)}", is_away=True)
    expect(side(page)).to_contain_text("can't be read now")


def test_an_open_customer_follows_the_snapshots(
    served: PageStage, shop: InventedShop, open_page: OpenPage
) -> None:
    first = served.known.newest.rows[0]
    page = open_page(f"{served.url}/customers/{first.customer_id}")
    expect(side(page)).to_contain_text("Rank 1 now.")
    newest = shop.snapshot()
    [leader, *others] = [row for row in newest.rows if row.customer_id != first.customer_id]
    others = [structs.replace(row, rank=row.rank + 1) for row in others]
    served.emit(
        structs.replace(
            newest, rows=[structs.replace(leader, rank=1), structs.replace(first, rank=2), *others]
        )
    )
    expect(side(page)).to_contain_text("Rank 2 now.")
