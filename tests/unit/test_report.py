"""The report's figures are right, and its page is one whole thing that a hostile name can't break."""

import json
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from consumer.domain import Aggregate, ingest
from contract.weeks import week_of_day
from producer import cdnow
from report.customer_figures import Bar, CustomerFigures, figures_of, money_edges
from report.page import report_page

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def state_of(events: list[dict[str, Any]]) -> Aggregate:
    state = Aggregate()
    for event in events:
        ingest(event, state)
    return state


def order(customer: str, number: int, day: str, dollars: str) -> dict[str, Any]:
    return {
        "type": "ORDER",
        "verb": "NEW",
        "key": f"o{number}",
        "customer_id": customer,
        "event_time": f"{day}T12:00:00Z",
        "total_amount": f"{dollars} USD",
    }


def visit(customer: str, day: str) -> dict[str, Any]:
    return {
        "type": "SITE_VISIT",
        "verb": "NEW",
        "key": "p",
        "customer_id": customer,
        "event_time": f"{day}T12:00:00Z",
    }


def named(customer: str, name: str, day: str) -> dict[str, Any]:
    event = {"type": "CUSTOMER", "verb": "NEW", "key": customer, "last_name": name}
    return {**event, "event_time": f"{day}T12:00:00Z"}


SMALL = state_of(
    [
        order("a", 1, "2026-01-05", "100.00"),
        visit("a", "2026-01-12"),
        order("a", 2, "2026-01-19", "200.00"),
        order("b", 1, "2026-01-12", "1.50"),
        visit("c", "2026-01-12"),
    ]
)
FIGURES = figures_of([SMALL], 7)


def filled(bars: list[Bar]) -> list[Bar]:
    return [bar for bar in bars if bar.customers]


def test_customers_are_distributed_over_ranges_of_money_and_weeks() -> None:
    assert filled(FIGURES.spend) == [Bar(0, 1, 1), Bar(100, 200, 1), Bar(20_000, 50_000, 1)]
    assert filled(FIGURES.ltv) == [Bar(0, 1, 1), Bar(50_000, 100_000, 1), Bar(5_000_000, 10_000_000, 1)]
    assert filled(FIGURES.weeks) == [Bar(1, 2, 2), Bar(3, 4, 1)]


def test_cohorts_go_by_the_first_week_and_count_who_was_active_in_each_later_one() -> None:
    first = week_of_day("2026-01-04")
    assert [(cohort.first_week - first, cohort.customers, cohort.active) for cohort in FIGURES.cohorts] == [
        (0, 1, [1, 1, 1]),
        (1, 2, [2, 0]),
        (2, 0, [0]),
    ]


def test_a_leaders_lifetime_value_rises_with_an_order_and_falls_in_a_week_without_one() -> None:
    first = week_of_day("2026-01-04")
    leader = FIGURES.leaders[0]
    assert (leader.customer_id, leader.course) == (
        "a",
        [(first, 5_200_000), (first + 1, 2_600_000), (first + 2, 5_200_000)],
    )


def test_both_bases_rank_by_their_own_weeks() -> None:
    best = {
        basis: [(each.customer_id, each.ltv) for each in places] for basis, places in FIGURES.best.items()
    }
    assert best == {
        "active": [("a", 5_200_000), ("b", 78_000), ("c", 0)],
        "timeframe": [("a", 5_200_000), ("b", 26_000), ("c", 0)],
    }


@pytest.mark.parametrize("largest", [0, 1, 99, 100, 10**17, 10**25])
def test_every_amount_of_money_is_within_the_edges(largest: int) -> None:
    edges = money_edges(largest)
    assert edges[0] <= largest < edges[-1]
    assert edges == sorted(set(edges))


@pytest.fixture(scope="module")
def music_shop() -> CustomerFigures:
    state = state_of([json.loads(value) for _, value in cdnow.events()])
    return figures_of([state], 0)


def test_in_every_picture_of_a_real_shop_all_customers_are_there(music_shop: CustomerFigures) -> None:
    for bars in (music_shop.spend, music_shop.ltv, music_shop.weeks):
        assert sum(bar.customers for bar in bars) == music_shop.customers == 23_570
    assert sum(cohort.customers for cohort in music_shop.cohorts) == 23_570
    assert sum(music_shop.spend_sorted) == music_shop.revenue == 250_031_563
    assert music_shop.leaders[0].course[-1][1] == music_shop.best["active"][0].ltv == 68_148_080


def test_states_of_several_partitions_give_the_same_figures() -> None:
    parts = [state_of([order("a", 1, "2026-01-05", "1")]), state_of([order("b", 1, "2026-01-12", "2")])]
    whole = state_of([order("a", 1, "2026-01-05", "1"), order("b", 1, "2026-01-12", "2")])
    assert figures_of([*parts, Aggregate()], 0) == figures_of([whole], 0)


class Page(HTMLParser):
    """The elements of a page, and the text of each kind."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)


TAGS = {
    *("html", "head", "meta", "title", "style", "body", "h1", "p", "section", "h2", "figure", "figcaption"),
    *("svg", "rect", "text", "line", "polyline", "circle"),
}


def assert_whole_and_harmless(page: str, pictures: int) -> None:
    found = Page(page)
    assert {tag for tag, _ in found.elements} <= TAGS
    attributes = {name for _, attrs in found.elements for name in attrs}
    assert not [name for name in attributes if name in ("src", "href") or name.startswith("on")]
    assert "url(" not in page
    assert "@import" not in page
    svgs = [attrs for tag, attrs in found.elements if tag == "svg"]
    assert len(svgs) == len(found.texts.get("figcaption", [])) == pictures
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in svgs)
    assert all(len(text) > 60 for text in found.texts.get("figcaption", []))


def test_each_of_the_six_pictures_of_a_page_has_a_text(music_shop: CustomerFigures) -> None:
    page = report_page(music_shop, "cdnow.ndjson", NOW)
    assert_whole_and_harmless(page, 6)
    assert "Half have at most 43.38 USD" in page
    assert "First are 19339 with 681,480.80 USD and 07592 with 92,092.20 USD." in page


def test_a_page_without_events_has_no_picture() -> None:
    page = report_page(figures_of([Aggregate()], 3), "nothing", NOW)
    assert_whole_and_harmless(page, 0)
    assert "0 events of 0 customers; revenue 0.00 USD; 3 invalid events left out" in page


HOSTILE = [
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</svg></style><b>", "{css}", "&lt;"),
    *("\x1b[31mred", "\u202eevil", "a\0b", "x" * 256, "]]>", "\u2028"),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_id_name_or_source_is_only_text(text: str) -> None:
    day = "2026-01-05"
    events = [
        order(text, 1, day, "1000000000000000"),
        named(text, text[:200], day),
        order(text, 2, "0001-01-02", "1"),
    ]
    page = report_page(figures_of([state_of([*events, visit("far", "9999-12-31")])], 0), text, NOW)
    assert_whole_and_harmless(page, 6)
    assert not [char for char in page if not char.isprintable() and char != "\n"]
