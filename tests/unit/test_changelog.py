"""Changelog records restore the state that wrote them, from whatever offset they are read."""

import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumer.domain import ingest
from consumer.domain.aggregate import Aggregate
from consumer.domain.packing import (
    MAX_PACKED_BYTES,
    ORDERS_PER_ROW,
    ROWS_PER_RECORD,
    pack_position,
    pack_rows,
)
from consumer.domain.rows import apply_columns, columns_of
from consumer.domain.table import CENTS_BITS, Change, Customer
from consumer.stream.rewrite import Rewrite
from contract.changelog import Position, unpack
from contract.errors import Fatal
from contract.events import MAX_ID_CHARS, MAX_TEXT_CHARS
from tests.unit.weeks import active_weeks

CUSTOMERS = st.sampled_from(["a", "b", "Ødegård", '"', "\u2028", "z" * MAX_ID_CHARS])
TIMES = st.datetimes(
    min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)
).map(datetime.isoformat)
CENTS = st.integers(0, 10**17)

EVENTS = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("ORDER"),
            "verb": st.sampled_from(["NEW", "UPDATE"]),
            "key": st.sampled_from(["1", "2", "3"]),
            "event_time": TIMES,
            "customer_id": CUSTOMERS,
            "total_amount": CENTS.map(lambda cents: f"{cents // 100}.{cents % 100:02d} USD"),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("SITE_VISIT"),
            "verb": st.just("NEW"),
            "key": st.just("page"),
            "event_time": TIMES,
            "customer_id": CUSTOMERS,
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("CUSTOMER"),
            "verb": st.sampled_from(["NEW", "UPDATE"]),
            "key": CUSTOMERS,
            "event_time": TIMES,
            "last_name": st.text(max_size=5) | st.just("é" * MAX_TEXT_CHARS),
        }
    ),
)


def position(aggregate: Aggregate, next_offset: int = 0) -> Position:
    return Position(
        group="g",
        next_offset=next_offset,
        events=aggregate.events,
        dead_letters=0,
        time_min=aggregate.time_min,
        time_max=aggregate.time_max,
    )


def pack(changes: Iterable[Change], at: Position) -> list[bytes]:
    """The records of a commit."""
    return [*pack_rows(changes), pack_position(at)]


def restored(values: Iterable[bytes]) -> Aggregate:
    """The state after these records, as `consumer.stream.restore` builds it."""
    aggregate = Aggregate()
    for value in values:
        record = unpack(value)
        apply_columns(aggregate, record.rows)
        if record.position:
            aggregate.events = record.position.events
            aggregate.time_min, aggregate.time_max = record.position.time_min, record.position.time_max
    return aggregate


def contents(aggregate: Aggregate) -> dict[str, Any]:
    """All fields of an aggregate, for comparison."""
    return {
        "customers": {
            c.id: (active_weeks(c), c.weeks, c.visits, c.spend, c.orders, c.last_name, c.name_stamp)
            for c in aggregate
        },
        "totals": (aggregate.events, aggregate.orders, aggregate.revenue),
        "times": (aggregate.time_min, aggregate.time_max),
    }


@given(st.lists(st.lists(EVENTS, max_size=8), max_size=6), st.data())
def test_a_log_restores_the_state_even_if_a_part_of_it_is_read_twice(
    commits: list[list[dict[str, Any]]], data: st.DataObject
) -> None:
    aggregate = Aggregate()
    log: list[list[bytes]] = []
    for events in commits:
        for event in events:
            ingest(event, aggregate)
        log.append(pack(aggregate.take_changes(), position(aggregate)))
    again = data.draw(st.integers(0, len(log)))
    read = [value for commit in log + log[again:] for value in commit]
    assert contents(restored(read)) == contents(aggregate)


@given(st.lists(st.lists(EVENTS, max_size=8), min_size=1, max_size=12), st.integers(1, 400), st.data())
def test_a_rewrite_replaces_all_records_before_it_however_many_commits_it_takes(
    commits: list[list[dict[str, Any]]], part_bytes: int, data: st.DataObject
) -> None:
    """Whichever of the older records are deleted before the log is read, and however often a part of it is."""
    aggregate = Aggregate()
    begin = data.draw(st.integers(0, len(commits) - 1))
    log: list[list[bytes]] = []
    rewrite: Rewrite | None = None
    for number, events in enumerate(commits):
        for event in events:
            ingest(event, aggregate)
        sent: list[bytes] = []
        if number == begin:
            rewrite = Rewrite(aggregate)
        if rewrite and (not rewrite.is_complete or not rewrite.part):
            rewrite.write_part(aggregate, part_bytes, sent.append)
        log.append([*sent, *pack(aggregate.take_changes(), position(aggregate))])
    assert rewrite
    is_whole = rewrite.is_complete
    start = data.draw(st.integers(0, begin)) if is_whole else 0
    again = data.draw(st.integers(start, len(log)))
    read = [value for commit in log[start:] + log[again:] for value in commit]
    assert contents(restored(read)) == contents(aggregate)


def filled(customers: int, orders: int, id_chars: int = 1) -> Aggregate:
    aggregate = Aggregate()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for customer in range(customers):
        for order in range(orders):
            ingest(
                {
                    "type": "ORDER",
                    "verb": "NEW",
                    "key": str(order).zfill(id_chars),
                    "event_time": (at + timedelta(days=order)).isoformat(),
                    "customer_id": str(customer).zfill(id_chars),
                    "total_amount": "1.23 USD",
                },
                aggregate,
            )
    return aggregate


@pytest.mark.parametrize(
    ("customers", "orders", "id_chars"),
    [(0, 0, 1), (1, 1, 1), (ROWS_PER_RECORD * 2 + 1, 1, 1), (3, ORDERS_PER_ROW * 2 + 1, 1), (40, 200, 256)],
)
def test_records_are_no_longer_than_allowed_and_nothing_is_lost(
    customers: int, orders: int, id_chars: int
) -> None:
    aggregate = filled(customers, orders, id_chars)
    for changes in (aggregate.take_changes(), aggregate.everything()):
        values = pack(changes, position(aggregate))
        assert max(map(len, values)) <= MAX_PACKED_BYTES
        assert contents(restored(values)) == contents(aggregate)


def test_a_customer_with_many_orders_has_several_rows_each_within_the_limit() -> None:
    aggregate = filled(1, ORDERS_PER_ROW * 2 + 1, id_chars=MAX_ID_CHARS)
    values = pack(aggregate.everything(), position(aggregate))
    assert [count for value in values for count in unpack(value).rows[6]] == [
        ORDERS_PER_ROW,
        ORDERS_PER_ROW,
        1,
    ]


def test_a_single_row_may_be_longer_than_a_record_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.domain.packing.MAX_PACKED_BYTES", 10)
    aggregate = filled(5, 2)
    values = pack(aggregate.everything(), position(aggregate))
    assert [len(unpack(value).rows[0]) for value in values] == [1, 1, 1, 1, 1, 0]
    assert contents(restored(values)) == contents(aggregate)


def test_an_order_that_changed_several_times_in_a_commit_is_written_once() -> None:
    aggregate = Aggregate()
    order = {"type": "ORDER", "key": "7", "event_time": "2026-01-01T00:00:00Z", "customer_id": "c"}
    for cents in range(ORDERS_PER_ROW + 1):
        ingest(order | {"verb": "NEW", "total_amount": f"{cents / 100:.2f} USD"}, aggregate)
    value, _ = pack(aggregate.take_changes(), position(aggregate))
    rows = unpack(value).rows
    assert (rows[7], rows[9]) == (["7"], [ORDERS_PER_ROW])


def test_only_the_last_record_of_a_commit_has_the_position() -> None:
    aggregate = filled(ROWS_PER_RECORD + 1, 1)
    written = position(aggregate, next_offset=17)
    records = [unpack(value) for value in pack(aggregate.everything(), written)]
    assert [record.position for record in records] == [None] * (len(records) - 1) + [written]


def test_a_commit_without_changes_still_writes_its_position() -> None:
    [value] = pack([], position(Aggregate(), next_offset=3))
    found = unpack(value).position
    assert found
    assert found.next_offset == 3


def test_applying_rows_says_how_many_customers_and_orders_they_carried() -> None:
    aggregate = filled(3, 4)
    assert apply_columns(Aggregate(), columns_of(list(aggregate.everything()))) == 3 + 3 * 4


def test_rows_of_the_first_format_are_read() -> None:
    """As the first version wrote them."""
    week_bits = f"{1 << 9_000 | 1 << 70 | 1:x}"
    written = (
        b'{"v":1,"whole":true,"rows":[["a",5,"%b",2,"N",9,["o",7,123,"p",8,1]],["b",6,"1",0,null,0,[]]]}'
        % week_bits.encode()
    )
    aggregate = Aggregate()
    assert apply_columns(aggregate, unpack(written).rows) == 4
    assert contents(aggregate) == {
        "customers": {
            "a": (
                *({5, 75, 9_005}, 3, 2, 124),
                *({"o": 7 << CENTS_BITS | 123, "p": 8 << CENTS_BITS | 1}, "N", 9),
            ),
            "b": ({6}, 1, 0, 0, {}, None, 0),
        },
        "totals": (0, 2, 124),
        "times": (None, None),
    }


def test_rows_of_the_second_format_are_read() -> None:
    week_bits = f"{1 << 9_000 | 1:x}"
    rows = [["a"], [5], [week_bits], [2], [None], [0], [1], ["o"], [7], [123]]
    found = unpack(orjson.dumps({"v": 2, "whole": True, "rows": rows, "position": None}))
    aggregate = Aggregate()
    apply_columns(aggregate, found.rows)
    assert active_weeks(aggregate.customers["a"]) == {5, 9_005}
    assert (found.part, found.completes) == (1, False)


def test_two_events_9_998_years_apart_take_less_than_1_kb_in_the_changelog_and_in_memory() -> None:
    tracemalloc.start()
    aggregate = Aggregate()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(1_000):
        for year in ("0001", "9999"):
            visit = {"type": "SITE_VISIT", "verb": "NEW", "key": "p", "customer_id": f"c{number}"}
            ingest(visit | {"event_time": f"{year}-06-01T00:00:00Z"}, aggregate)
    in_memory = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert in_memory < 1_000 * 1_024
    assert sum(map(len, pack(aggregate.take_changes(), position(aggregate)))) < 1_000 * 1_024
    assert {customer.weeks for customer in aggregate} == {2}


@given(st.lists(st.integers(0, 521_722), min_size=1, max_size=40))
def test_a_customers_weeks_are_a_set_however_far_apart_and_in_whatever_order(weeks: list[int]) -> None:
    customer = Customer("c", weeks[0])
    for week in weeks:
        customer.add_week(week)
    assert active_weeks(customer) == set(weeks)
    assert customer.weeks == len(set(weeks))


YEARS_APART = [
    {
        "type": "SITE_VISIT",
        "verb": "NEW",
        "key": "page",
        "event_time": f"{year}-01-01T00:00:00Z",
        "customer_id": "b",
    }
    for year in (2000, 2018)
]


@example([YEARS_APART])
@given(st.lists(st.lists(EVENTS, max_size=20), max_size=4))
def test_the_changes_are_never_longer_than_estimated(commits: list[list[dict[str, Any]]]) -> None:
    aggregate = Aggregate()
    for events in commits:
        for event in events:
            ingest(event, aggregate)
        estimated = aggregate.changed_bytes
        assert sum(map(len, pack_rows(aggregate.take_changes()))) <= estimated + 200
        assert aggregate.changed_bytes == 0


def test_a_newer_format_is_refused_and_the_message_says_what_to_do() -> None:
    with pytest.raises(Fatal, match=r"format 5, this program reads format 4: run the program version"):
        unpack(orjson.dumps({"v": 5, "something": "new"}))


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"{}", b"null", b"1", b'"text"', b"\xff"])
def test_a_value_that_is_not_a_changelog_record_is_refused(value: bytes) -> None:
    with pytest.raises(Fatal, match="not a changelog record"):
        unpack(value)


@pytest.mark.parametrize(
    "value",
    [
        b'{"v":1}',
        b'{"v":2}',
        b'{"v":3}',
        b'{"v":3,"rows":[[],[],[],[],[],[],[],[],[],[]]}',
        b'{"v":1,"whole":false,"rows":[[]]}',
        b'{"v":1,"whole":false,"rows":[],"position":{"group":1}}',
        b'{"v":2,"whole":false,"rows":[],"position":{"group":1}}',
    ],
)
def test_a_record_of_our_format_that_lacks_a_field_is_refused(value: bytes) -> None:
    with pytest.raises(Fatal, match="not a changelog record"):
        unpack(value)


@pytest.mark.parametrize(
    "value",
    [
        b'{"v":1,"whole":false,"rows":[["a",5,"3ll",2,null,0,["o",4,100]]]}',
        b'{"v":1,"whole":false,"rows":[["a",5,"0",2,null,0,[]]]}',
        b'{"v":1,"whole":false,"rows":' + b"[" * 2000,
        b'{"v":2,"whole":true,"rows":[["a"],[5],["e"],[2],[null],[0],[0],[],[],[]],"position":null}',
        b'{"v":3,"part":null,"rows":[["a"],[5],["-1"],[2],[null],[0],[0],[],[],[]]}',
        b'{"v":3,"part":null,"rows":[["a"],[5],[[1,"2","f"]],[2],[null],[0],[0],[],[],[]]}',
        b'{"v":3,"part":null,"rows":[["a"],[5],[[1,2]],[2],[null],[0],[0],[],[],[]]}',
        b'{"v":3,"part":null,"rows":[["a"],[5],[1],["2"],[null],[0],[0],[],[],[]]}',
        b'{"v":3,"part":null,"rows":[["a"],[5],[1],[2],[7],[0],[0],[],[],[]]}',
        b'{"v":3,"part":null,"rows":[["a"],[5],[1],[2],[null],[0],[1],[],[],[]]}',
        b'{"v":3,"part":null,"rows":[["a"],[5,6],[1],[2],[null],[0],[0],[],[],[]]}',
    ],
)
def test_rows_that_no_customer_can_have_are_refused(value: bytes) -> None:
    with pytest.raises(Fatal, match="not a changelog record"):
        unpack(value)


def test_week_bits_of_63_weeks_are_read_as_they_were_written() -> None:
    value = b'{"v":3,"part":null,"rows":[["a"],[5],[9223372036854775807],[2],[null],[0],[0],[],[],[]]}'
    assert unpack(value).rows[2] == [(1 << 63) - 1]
