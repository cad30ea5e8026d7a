"""The recomputation, the domain and the tests' oracle share no code, and come to the same figures."""

import json
import tempfile
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from cluster.fetched import Record
from consumer.domain.coverage import WHOLE_FILES
from consumer.domain.partial import merge, partial_of
from consumer.new_state import new_state
from contract.decode import decode_event, decode_events
from contract.errors import InvalidEvent
from contract.events import CustomerEvent, OrderEvent
from contract.partitioners import PARTITIONERS, Home
from contract.snapshots import Basis, Snapshot
from contract.times import YEAR_ONE
from ltv.console.verdict_view import verdict_lines
from tests import oracle
from tests.integration.application import Keyed, figures, shop
from tests.integration.rubbish import RUBBISH
from verification.comparison import Verdict, compare
from verification.covered_events import add_record
from verification.event_check import DAY_US, NotCounted, counted_event
from verification.event_place import EventPlace
from verification.event_table import EventTable
from verification.recomputed import recompute

PARTITIONS = 3
BASES: list[Basis] = ["active", "timeframe"]


class Outcome(NamedTuple):
    """What an event says, for either decoder."""

    customer: str
    type: str
    is_update: bool
    instant: int
    order_id: str | None
    cents: int | None
    last_name: str | None


def by_contract(value: bytes) -> Outcome | None:
    try:
        event = decode_event(value)
    except InvalidEvent:
        return None
    since = event.event_time - YEAR_ONE
    order = event if isinstance(event, OrderEvent) else None
    return Outcome(
        event.customer_id,
        str(event.__struct_config__.tag),
        event.verb == "UPDATE",
        (since.days + 1) * DAY_US + since.seconds * 1_000_000 + since.microseconds,
        order.order_id if order else None,
        order.total_amount if order else None,
        event.last_name if isinstance(event, CustomerEvent) else None,
    )


def by_verification(value: bytes) -> Outcome | None:
    try:
        event = counted_event(value)
    except NotCounted:
        return None
    cents = None if event.dollars is None else int(Decimal(event.dollars) * 100)
    return Outcome(*event[:5], cents, event.last_name)


TIMES = [
    *("2026-01-01T00:00:00Z", "2017-01-06T12:46:46.384Z", "2017-01-08T00:30:00+02:00", "20170106T124646Z"),
    *("2017-01-06 12:46Z", "2017-01-06T12:46:46,123456789-0330", "2017-01-06t12:46:46z", "2017-01-06T12Z"),
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "0000-01-01T00:00:00Z"),
    *(
        "9999-12-31T23:59:59.9999999Z",
        "9999-12-31T23:59:59-00:01",
        "2017-02-29T00:00:00Z",
        "2016-02-29T01:00Z",
    ),
    *(
        "2017-W01-1T12:46:46.384Z",
        "2017-01-06T24:00:00.000Z",
        "2017-01-06T12:46:60Z",
        "2017-01-06T12:46:46.Z",
    ),
    *("２017-01-06T12:46:46Z", "2017-01-06T12:46:46+24:00", "2017-01-06T12:46:46+23:59", "2017-01-06T12:00"),
]
AMOUNTS = [
    *("12.34 USD", "0 USD", "1000000000000000.00 USD", "1000000000000000.01 USD", "999999999999999.99 USD"),
    *("0" * 35 + "1 USD", "0" * 36 + "1 USD", "1. USD", ".5 USD", "-1 USD", "1 usd", "1 USD\n", "1.234 USD"),
    *("1e3 USD", "1  USD", "١ USD", "1,00 USD", "10000000000000000 USD", "00.5 USD"),
]
IDS = ["c1", "ø", "a\0b", "\U0001f600", "x" * 256, "x" * 257, "", "x" * 200, "x" * 201]
OTHERS: list[Any] = [None, 5, 1.5, True, [], {}, [{"a": 1}], [{"a": []}], [{"a": None, "b": True}], [None]]
FIELDS: dict[str, list[Any]] = {
    "type": ["ORDER", "ORDER", "CUSTOMER", "SITE_VISIT", "IMAGE", "order", None],
    "verb": ["NEW", "NEW", "UPDATE", "UPLOAD", "new"],
    "event_time": [*TIMES, None],
    "total_amount": [*AMOUNTS, 1],
    "key": ["o1", *IDS, *OTHERS],
    "customer_id": ["c1", *IDS, *OTHERS],
    "last_name": [*IDS, *OTHERS],
    "tags": OTHERS,
    "adr_city": [*IDS, *OTHERS],
    "camera_make": [*IDS, *OTHERS],
    "unknown": OTHERS,
}
USUAL = {name: choices[0] for name, choices in FIELDS.items()} | {
    "tags": None,
    "last_name": "Ng",
    "unknown": 1,
}
SPOILERS = [
    *(
        b"\\ud800",
        b"\\udc00abcdef",
        b"\\ud83d\\ude00",
        b"\\u0000",
        b"\\",
        b"NaN",
        b"1e999",
        b"\0",
        b"\n",
        b'"',
    ),
    *(b"[", b"}", b"\xc3\x28", b"\xed\xa0\x80", b"-0", b"1" * 5_000, b"\xef\xbb\xbf", b" ", b"01", b"\x7f"),
]


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """An event with some odd fields, some of them twice or missing, in any order, perhaps with odd bytes in it."""
    odd = draw(st.sets(st.sampled_from(sorted(FIELDS)), max_size=3))
    fields = [(name, draw(st.sampled_from(FIELDS[name])) if name in odd else USUAL[name]) for name in FIELDS]
    twice = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=1))
    fields += [(name, draw(st.sampled_from(FIELDS[name]))) for name in twice]
    missing = draw(st.sets(st.sampled_from(sorted(FIELDS)), max_size=1))
    kept = [field for field in draw(st.permutations(fields)) if field[0] not in missing]
    escaped = draw(st.booleans())
    text = ",".join(f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=escaped)}" for name, value in kept)
    value = f"{{{text}}}".encode()
    for spoiler in draw(st.lists(st.sampled_from(SPOILERS), max_size=1)):
        at = draw(st.integers(0, len(value)))
        value = value[:at] + spoiler + value[at + draw(st.integers(0, 2)) :]
    return value


@given(values())
@example(
    b'{"type":"IMAGE","type":"IMAGE","verb":"UPLOAD","key":"i","event_time":"2026-01-01T00Z","customer_id":"c"}'
)
@example(b"[" * 100_000)
def test_both_decoders_find_the_same_events_valid_and_read_the_same_from_them(value: bytes) -> None:
    assert by_verification(value) == by_contract(value)


@pytest.mark.parametrize("value", [value for _, value, reason in RUBBISH if reason != "wrong_key"])
def test_what_is_rubbish_to_the_contract_is_not_counted(value: bytes | None) -> None:
    with pytest.raises(NotCounted):
        counted_event(value)


@pytest.mark.parametrize("name", PARTITIONERS)
@given(st.text(min_size=1, max_size=40), st.integers(1, 50))
def test_each_partitioner_places_every_customer_where_the_consumer_expects_it(
    name: str, customer: str, partitions: int
) -> None:
    key = customer.encode("utf-8", "replace")
    place = EventPlace(name, partitions)
    right = PARTITIONERS[name](key, partitions)
    place.check(key.decode(), key, right)
    for wrong in set(range(partitions)) - {right}:
        with pytest.raises(NotCounted):
            place.check(key.decode(), key, wrong)


def on_topic(events: Iterable[Keyed], stray_every: int = 0) -> list[oracle.Record]:
    """Records as on a topic with PARTITIONS; every `stray_every`th is on the next partition."""
    ends = [0] * PARTITIONS
    records = []
    for number, (key, value) in enumerate(events, 1):
        partition = PARTITIONERS["murmur2"](key or b"", PARTITIONS)
        if stray_every and number % stray_every == 0:
            partition = (partition + 1) % PARTITIONS
        records.append(oracle.Record(partition, ends[partition], key, value))
        ends[partition] += 1
    return records


def snapshot_by_domain(records: list[oracle.Record], x: int, basis: Basis) -> Snapshot:
    partials = []
    for number in range(PARTITIONS):
        mine = [record for record in records if record.partition == number]
        events, invalid = decode_events([r.value for r in mine], [r.key for r in mine])
        state = new_state(x, basis, Home("murmur2", number, PARTITIONS))
        dead = len(invalid) + len(state.ingest(events))
        list(state.pack_changes())  # They are ranked.
        partials.append(partial_of(state.totals(), state.best(), x=x, basis=basis, dead_letters=dead))
    return merge(
        partials, x=x, basis=basis, coverage=WHOLE_FILES, sequence=1, emitted_at="", previous_ranks={}
    )


def filled(table: EventTable, records: Iterable[oracle.Record]) -> None:
    place = EventPlace("murmur2", PARTITIONS)
    for record in records:
        add_record(
            table, Record("events", record.partition, record.offset, 0, *record[2:], b"\0"), place, None
        )


def verdict_on(snapshot: Snapshot, records: Iterable[oracle.Record]) -> Verdict:
    with EventTable() as table:
        filled(table, records)
        return compare(snapshot, table, with_dead_letters=True)


HARMLESS_RUBBISH = [(key, value) for key, value, _ in RUBBISH if len(value or b"") < 10_000]


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("seed", range(3))
def test_recomputation_oracle_and_domain_agree_on_every_figure(seed: int, basis: Basis) -> None:
    records = on_topic([*shop(1_500, seed=seed), *HARMLESS_RUBBISH])
    snapshot = snapshot_by_domain(records, 20, basis)
    expected = oracle.snapshot_of(records, 20, basis)
    with EventTable() as table:
        filled(table, records)
        found = recompute(table, snapshot)
        assert compare(snapshot, table, with_dead_letters=True).matches
    assert list(found.rows.values()) == expected["rows"]
    whole = {name: value for name, value in expected.items() if name not in ("rows", "totals", "basis")}
    assert found.totals == whole | expected["totals"]


def test_customers_on_the_wrong_partition_are_left_out() -> None:
    records = on_topic(shop(600, seed=7), stray_every=11)
    snapshot = snapshot_by_domain(records, 10, "active")
    assert snapshot.totals.dead_letters == 600 // 11
    assert verdict_on(snapshot, records).matches


def order(customer: str, key: str, at: str, dollars: str, verb: str = "NEW") -> Keyed:
    event = {"type": "ORDER", "verb": verb, "key": key, "event_time": at, "customer_id": customer}
    return customer.encode(), json.dumps(event | {"total_amount": f"{dollars} USD"}).encode()


LARGEST = "1000000000000000"
EDGES = [
    # Saturday's last microsecond and Sunday's first one, in UTC and by offset.
    order("weeks", "1", "2026-01-03T23:59:59.999999Z", "10.00"),
    order("weeks", "2", "2026-01-04T00:00:00Z", "0.01"),
    order("weeks", "3", "2026-01-04T01:00:00+02:00", "0.02"),
    # Equal lifetime values: by id, as code points.
    *(
        order(name, "1", "2026-01-05T00:00:00Z", "7")
        for name in ("b", "a", "ä", "\U0001f600", "\uffee", "a\0")
    ),
    # Thirds: the fractions differ by less than a float can tell.
    *(order("third", str(n), f"2026-01-{n:02d}T00:00:00Z", "0.01") for n in (5, 12, 19)),
    order("more", "1", "2026-01-05T00:00:00Z", "333333333333333.34"),
    order("most", "1", "2026-01-05T00:00:00Z", LARGEST),
    *(order("most", f"x{n}", "2026-01-12T00:00:00Z", LARGEST) for n in range(400)),
    # Versions: the later time, then UPDATE, then the larger amount.
    order("versions", "1", "2026-01-05T00:00:00Z", "5"),
    order("versions", "1", "2026-01-05T00:00:00Z", "4", "UPDATE"),
    order("versions", "1", "2026-01-05T00:00:00Z", "4.50", "UPDATE"),
    order("versions", "1", "2026-01-04T23:59:59Z", "900", "UPDATE"),
    order("far", "1", "0001-01-07T00:00:00Z", "1"),
    order("far", "1", "9999-12-31T23:59:59.9999999Z", "2"),
]


@pytest.mark.parametrize("basis", BASES)
def test_week_boundaries_ties_versions_and_the_largest_amounts_are_the_same(basis: Basis) -> None:
    records = on_topic(EDGES)
    snapshot = snapshot_by_domain(records, 50, basis)
    assert figures(msgspec.to_builtins(snapshot)) == oracle.snapshot_of(records, 50, basis)
    assert verdict_on(snapshot, records).matches


def test_the_first_week_of_the_calendar_is_a_week_and_no_time_is_before_or_after_the_calendar() -> None:
    days = ("0001-01-01T00:00:00Z", "0001-01-06T23:59:59Z", "0001-01-07T01:00:00+01:00")
    outside = ("0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01")
    records = on_topic(order("c", day, day, "1") for day in (*days, *outside))
    snapshot = snapshot_by_domain(records, 1, "active")
    assert (snapshot.rows[0].weeks, snapshot.totals.dead_letters) == (2, 2)
    assert figures(msgspec.to_builtins(snapshot)) == oracle.snapshot_of(records, 1, "active")
    assert verdict_on(snapshot, records).matches


def test_without_events_there_are_no_figures() -> None:
    assert verdict_on(snapshot_by_domain([], 10, "timeframe"), []).matches


RECORDS = on_topic(
    [
        order("c1", "o1", "2026-01-05T00:00:00Z", "100"),
        order("c1", "o1", "2026-01-06T00:00:00Z", "80", "UPDATE"),
        order("c2", "o2", "2026-01-05T00:00:00Z", "30"),
        (b"c3", b"not JSON"),
    ]
)
RIGHT = snapshot_by_domain(RECORDS, 10, "active")


def with_row(number: int, **fields: Any) -> Snapshot:
    rows = list(RIGHT.rows)
    rows[number] = structs.replace(rows[number], **fields)
    return structs.replace(RIGHT, rows=rows)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("ltv", "1.00"), ("total_spend", "80.01"), ("weeks", 2), ("orders", 2), ("visits", 1)],
        *[("revenue_per_visit", "1.00"), ("visits_per_week", 0.5), ("last_name", "Ng")],
    ],
)
def test_a_wrong_figure_is_named_with_both_derivations_and_the_events_behind_them(
    field: str, value: Any
) -> None:
    verdict = verdict_on(with_row(0, **{field: value}), RECORDS)
    assert not verdict.matches
    [row] = verdict.rows
    assert (row.customer_id, row.fields) == ("c1", [field])
    assert row.in_snapshot is not None
    assert row.recomputed is not None
    assert row.in_snapshot[field] == value
    assert row.recomputed["ltv"] == "41600.00"
    places = [(record.partition, record.offset) for record in RECORDS[:2]]
    assert [(event["source"], event["place"]) for event in row.events] == places
    assert [event["counts"] for event in row.events] == [False, True]
    assert [event["amount"] for event in row.events] == ["100.00", "80.00"]
    assert {event["week"] for event in row.events} == {"2026-01-04"}


def test_a_customer_who_is_missing_or_does_not_exist_is_named() -> None:
    verdict = verdict_on(with_row(1, customer_id="nobody"), RECORDS)
    assert [(row.customer_id, row.fields) for row in verdict.rows] == [("nobody", ["row"]), ("c2", ["row"])]
    assert [row.recomputed is None for row in verdict.rows] == [True, False]
    assert [len(row.events) for row in verdict.rows] == [0, 1]


def test_a_customer_who_should_not_be_among_the_first_is_shown_with_its_true_rank() -> None:
    verdict = verdict_on(structs.replace(RIGHT, x=1, rows=[structs.replace(RIGHT.rows[1], rank=1)]), RECORDS)
    ranks = [(row.customer_id, row.recomputed and row.recomputed["rank"]) for row in verdict.rows]
    assert ranks == [("c2", 2), ("c1", 1)]


def test_rows_in_a_wrong_order_differ_in_rank_only() -> None:
    rows = [structs.replace(row, rank=3 - row.rank) for row in reversed(RIGHT.rows)]
    verdict = verdict_on(structs.replace(RIGHT, rows=rows), RECORDS)
    assert [(row.customer_id, row.fields, row.events) for row in verdict.rows] == [
        ("c2", ["rank"], []),
        ("c1", ["rank"], []),
    ]


@pytest.mark.parametrize(
    ("figure", "value"),
    [("events", 4), ("customers", 3), ("orders", 3), ("revenue", "1.00"), ("dead_letters", 0)],
)
def test_a_wrong_total_is_named_with_what_was_left_out(figure: str, value: Any) -> None:
    totals = structs.replace(RIGHT.totals, **{figure: value})
    verdict = verdict_on(structs.replace(RIGHT, totals=totals), RECORDS)
    assert [(total.figure, total.in_snapshot) for total in verdict.totals] == [(figure, value)]
    assert [each["why"] for each in verdict.left_out] == ["not JSON in UTF-8"]


@pytest.mark.parametrize("figure", ["timeframe_weeks", "event_time_min", "event_time_max"])
def test_a_wrong_time_frame_is_named(figure: str) -> None:
    verdict = verdict_on(structs.replace(RIGHT, **{figure: None}), RECORDS)
    assert [total.figure for total in verdict.totals] == [figure]


def test_the_verdict_in_words_derives_both_figures_and_says_which_events_count() -> None:
    snapshot = with_row(0, ltv="1.00")
    lines = list(verdict_lines(verdict_on(snapshot, RECORDS), snapshot, []))
    partition = RECORDS[0].partition
    assert lines[1:] == [
        "customer c1: ltv differs",
        "  in the snapshot: rank 1, ltv 1.00 = 52 x (80.00 / 1 week) x 10, active in 1 week, 1 order, 0 visits, "
        "last name -",
        "  recomputed: rank 1, ltv 41,600.00 = 52 x (80.00 / 1 week) x 10, active in 1 week, 1 order, 0 visits, "
        "last name -",
        f"    partition {partition} offset 0: ORDER o1 100.00 at 2026-01-05T00:00:00Z, week of 2026-01-04; "
        "only its time counts",
        f"    partition {partition} offset 1: ORDER UPDATE o1 80.00 at 2026-01-06T00:00:00Z, week of 2026-01-04",
    ]


def test_the_database_is_removed_whatever_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def fail() -> None:
        with EventTable() as table:
            filled(table, RECORDS)
            assert list(tmp_path.iterdir()) != []
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []
