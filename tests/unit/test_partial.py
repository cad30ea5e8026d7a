"""However customers are split over partitions, the merged snapshot equals the ranking of all customers."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.domain import Aggregate, top_x_simple_ltv_customers
from consumer.domain.coverage import WHOLE_FILES
from consumer.domain.ingest import ingest_events
from consumer.domain.partial import Partial, merge, on_basis, partial_of
from consumer.domain.state import Standing
from contract.events import CustomerEvent, Event, OrderEvent, SiteVisitEvent
from contract.money import money
from contract.snapshots import Snapshot

Basis = Literal["active", "timeframe"]
BASES: list[Basis] = ["active", "timeframe"]
SUNDAY = datetime(2017, 1, 1, tzinfo=UTC)
ALL = 1000


def an_order(customer: str, cents: int, key: str = "o") -> Event:
    return OrderEvent("NEW", key, SUNDAY, customer, cents)


def aggregate_of(events: list[tuple[Event, datetime]]) -> Aggregate:
    aggregate = Aggregate()
    ingest_events([msgspec.structs.replace(event, event_time=at) for event, at in events], aggregate)
    return aggregate


def over_the_wire(partial: Partial) -> Partial:
    """The partial as the owner of partition 0 reads it from ltv.partials, through JSON."""
    return msgspec.json.decode(msgspec.json.encode(partial), type=Partial)


def partial(
    aggregate: Aggregate, x: int, basis: Basis = "active", *, next_offset: int = 0, dead_letters: int = 0
) -> Partial:
    """The partial of this aggregate; its top x comes from sorting all customers by exact fractions."""

    def place(customer: Any) -> tuple[Fraction, str]:
        return -Fraction(customer.spend, customer.weeks if basis == "active" else 1), customer.id

    best = [
        Standing(c.id, c.last_name, money(c.spend), c.weeks, len(c.orders), c.visits)
        for c in sorted(aggregate, key=place)[:x]
    ]
    made = partial_of(
        aggregate.totals(), best, x=x, basis=basis, next_offset=next_offset, dead_letters=dead_letters
    )
    return over_the_wire(made)


def merged(partials: list[Partial], x: int, basis: Basis = "active", **ranks: int) -> Snapshot:
    return merge(
        on_basis(dict(enumerate(partials)), basis).values(),
        x=x,
        basis=basis,
        coverage=WHOLE_FILES,
        sequence=7,
        emitted_at="2017-01-01T00:00:00Z",
        previous_ranks=ranks,
    )


customer_ids = st.sampled_from([f"c{n}" for n in range(12)])
instants = st.integers(-70, 70).map(lambda n: SUNDAY + timedelta(hours=12 * n))
some_events: st.SearchStrategy[Event] = st.one_of(
    st.builds(an_order, customer_ids, st.integers(0, 500) | st.integers(0, 10**17), st.sampled_from("12")),
    st.builds(lambda c: SiteVisitEvent("NEW", "p", SUNDAY, c), customer_ids),
    st.builds(
        lambda c, name: CustomerEvent("NEW", c, SUNDAY, name), customer_ids, st.none() | st.text(max_size=3)
    ),
)
series = st.lists(st.tuples(some_events, instants), max_size=40)
splits = st.dictionaries(customer_ids, st.integers(0, 3))
"""Customer -> partition; customers not in it go to partition 0, and partitions may be empty."""


def split_up(
    events: list[tuple[Event, datetime]], split: dict[str, int], partitions: int = 4
) -> list[Aggregate]:
    return [
        aggregate_of([(e, at) for e, at in events if split.get(e.customer_id, 0) == number])
        for number in range(partitions)
    ]


@given(series, splits, st.integers(1, 15), st.sampled_from(BASES))
@settings(max_examples=200)
def test_partials_of_any_split_merge_into_the_ranking_of_all_customers(
    events: list[tuple[Event, datetime]], split: dict[str, int], x: int, basis: Basis
) -> None:
    whole = aggregate_of(events)
    snapshot = merged([partial(part, x, basis) for part in split_up(events, split)], x, basis)
    assert snapshot.rows == top_x_simple_ltv_customers(x, whole, basis)
    assert snapshot.x == x


@given(
    series,
    splits,
    st.integers(1, 15),
    st.lists(st.integers(1, 15), min_size=4, max_size=4),
    st.sampled_from(BASES),
)
@settings(max_examples=200)
def test_if_partials_were_cut_shorter_the_snapshot_has_only_rows_that_are_certain(
    events: list[tuple[Event, datetime]], split: dict[str, int], x: int, cuts: list[int], basis: Basis
) -> None:
    """Each partition's writer had its own x; the snapshot's x is the number of rows that are certain."""
    parts = split_up(events, split)
    snapshot = merged([partial(part, cut, basis) for part, cut in zip(parts, cuts, strict=True)], x, basis)
    cut_short = [cut for part, cut in zip(parts, cuts, strict=True) if len(part.customers) > cut]
    assert snapshot.x == min([x, *cut_short])
    assert snapshot.rows == top_x_simple_ltv_customers(snapshot.x, aggregate_of(events), basis)


@given(series, splits)
def test_the_totals_are_those_of_all_partitions(
    events: list[tuple[Event, datetime]], split: dict[str, int]
) -> None:
    whole = aggregate_of(events)
    parts = [partial(part, 3, dead_letters=number) for number, part in enumerate(split_up(events, split))]
    snapshot = merged(parts, 3)
    totals = snapshot.totals
    assert (totals.events, totals.customers, totals.orders) == (
        len(events),
        len(whole.customers),
        whole.orders,
    )
    assert Fraction(totals.revenue) * 100 == whole.revenue
    assert totals.dead_letters == 0 + 1 + 2 + 3
    times = [at for _, at in events]
    assert [snapshot.event_time_min, snapshot.event_time_max] == (
        [at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (min(times), max(times))] if times else [None, None]
    )


@given(series, splits, st.sampled_from(BASES))
def test_a_snapshot_that_is_encoded_and_decoded_keeps_the_rules_of_its_type(
    events: list[tuple[Event, datetime]], split: dict[str, int], basis: Basis
) -> None:
    snapshot = merged([partial(part, ALL, basis) for part in split_up(events, split)], ALL, basis)
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot) == snapshot


def ann_and_bob() -> tuple[Aggregate, Aggregate]:
    """Two partitions: Ann with 100 dollars over 2 weeks, Bob with 60 dollars in one week, 4 weeks later."""
    ann = [(an_order("ann", 10_000), SUNDAY), (an_order("ann", 0, "2"), SUNDAY + timedelta(weeks=1))]
    return aggregate_of([*ann]), aggregate_of([(an_order("bob", 6_000), SUNDAY + timedelta(weeks=4))])


def test_the_time_frame_spans_all_partitions() -> None:
    first, second = ann_and_bob()
    snapshot = merged([partial(first, 5, "timeframe"), partial(second, 5, "timeframe")], 5, "timeframe")
    assert snapshot.timeframe_weeks == 5
    assert [(row.customer_id, row.ltv, row.weeks) for row in snapshot.rows] == [
        ("ann", "10400.00", 2),
        ("bob", "6240.00", 1),
    ]


def test_a_partial_on_another_basis_does_not_report() -> None:
    first, second = ann_and_bob()
    snapshot = merged([partial(first, 5, "timeframe"), partial(second, 5, "active")], 5, "active")
    assert [row.customer_id for row in snapshot.rows] == ["bob"]
    assert (snapshot.totals.events, snapshot.totals.customers, snapshot.timeframe_weeks) == (1, 1, 1)


def test_a_partial_on_another_basis_does_not_shorten_the_snapshot() -> None:
    many = aggregate_of([(an_order(f"c{n}", n), SUNDAY) for n in range(9)])
    other = aggregate_of([(an_order(f"d{n}", n), SUNDAY) for n in range(9)])
    assert merged([partial(many, 5), partial(other, 1, "timeframe")], 5).x == 5


def test_without_partials_the_snapshot_is_empty_and_says_so() -> None:
    snapshot = merged([], 5)
    assert (snapshot.rows, snapshot.timeframe_weeks, snapshot.x) == ([], 0, 5)
    assert (snapshot.event_time_min, snapshot.event_time_max) == (None, None)
    assert (snapshot.totals.events, snapshot.totals.revenue) == (0, "0.00")


def test_an_empty_partition_reports_and_changes_nothing() -> None:
    first, _ = ann_and_bob()
    with_empty = merged([partial(first, 5), partial(Aggregate(), 5)], 5)
    assert with_empty.rows == merged([partial(first, 5)], 5).rows


def test_a_row_has_its_customers_previous_rank() -> None:
    first, second = ann_and_bob()
    snapshot = merged([partial(first, 5), partial(second, 5)], 5, ann=1, gone=2)
    assert [(row.rank, row.previous_rank, row.customer_id) for row in snapshot.rows] == [
        (1, None, "bob"),
        (2, 1, "ann"),
    ]


def test_sequence_time_basis_and_offset_are_unchanged() -> None:
    snapshot = merged([], 5, "timeframe")
    assert (snapshot.sequence, snapshot.emitted_at, snapshot.basis) == (
        7,
        "2017-01-01T00:00:00Z",
        "timeframe",
    )
    assert snapshot.schema_version == 2
    assert partial(Aggregate(), 5, next_offset=2**62).next_offset == 2**62


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC), "9999-12-31T23:59:59.999999Z"),
        (datetime(2017, 1, 6, 12, 46, 46, 384_000, UTC), "2017-01-06T12:46:46.384000Z"),
    ],
)
def test_event_times_of_any_year_are_encoded_and_decoded_to_the_microsecond(at: datetime, text: str) -> None:
    snapshot = merged([partial(aggregate_of([(an_order("c", 1), at)]), 1)], 1)
    assert (snapshot.event_time_min, snapshot.event_time_max) == (text, text)
