"""The boundary of a partition's state, on both implementations; and what only the native core has."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.record_batch import Chunk
from cluster.settings import Cluster
from consumer.domain import Aggregate, ingest
from consumer.domain.rows import columns_of
from consumer.domain.state import State, TablePlace
from consumer.new_state import new_state
from consumer.settings import Settings
from consumer.stream.partition import Partition
from contract import native_core
from contract.changelog import Position, active_weeks
from contract.errors import Fatal
from contract.events import SiteVisitEvent
from contract.native_core import INTERFACE, core_in_use
from contract.partitioners import Home
from tests.implementations import NATIVE, Implementation, in_use

pytestmark = pytest.mark.usefixtures("both")

MONDAY = datetime(2017, 1, 9, tzinfo=UTC)
IDS = st.text(st.sampled_from('aé"\\\x01\x1f\x7f\u2028\U0001f600'), min_size=1, max_size=64)
needs_core = pytest.mark.skipif(NATIVE is None, reason="the native core is not installed (make native)")


def order(key: str, cents: int, *, customer: str = "c", at: datetime = MONDAY) -> dict[str, Any]:
    return {
        "type": "ORDER",
        "verb": "NEW",
        "key": key,
        "event_time": at.isoformat(),
        "customer_id": customer,
        "total_amount": f"{cents // 100}.{cents % 100:02d} USD",
    }


def named(name: str | None, at: datetime = MONDAY) -> dict[str, Any]:
    return {"type": "CUSTOMER", "verb": "NEW", "key": "c", "event_time": at.isoformat(), "last_name": name}


def state_of(*events: dict[str, Any]) -> State:
    state = new_state()
    for event in events:
        ingest(event, state)
    return state


def again(state: State) -> State:
    """The state, restored from its table."""
    values, place = state.pack_table(TablePlace(), state.totals().customers, 1, 1 << 30)
    assert place.customer == state.totals().customers
    restored = new_state()
    for value in values:
        restored.restore(value)
    restored.restored(None)
    return restored


def row_of(state: State, customer_id: str = "c") -> list[list[Any]]:
    copied = state.customer(customer_id)
    assert copied
    return copied()


def test_sums_beyond_2_to_the_64_cents_are_exact_and_are_restored() -> None:
    events = [order(str(n), 10**17 - n) for n in range(300)]
    exact = sum(10**17 - n for n in range(300))
    assert exact > 2**64
    state = state_of(*events, order("0", 1, at=MONDAY + timedelta(days=1)))
    for each in (state, again(state)):
        assert each.totals().revenue == exact - 10**17 + 1
        assert (
            each.top(1, "active")[0].spend
            == f"{(exact - 10**17 + 1) // 100}.{(exact - 10**17 + 1) % 100:02d}"
        )


@pytest.mark.parametrize("step", [1, 3, -1, -3, 40, -40, 700])
def test_a_customer_may_be_active_in_any_number_of_weeks(step: int) -> None:
    start = MONDAY + timedelta(weeks=50_000 if step < 0 else 0)
    times = [start + timedelta(weeks=step * n) for n in range(200)]
    state = state_of(*(order(str(n), 1, at=at) for n, at in enumerate(times)))
    for each in (state, again(state)):
        row = row_of(each)
        assert len(active_weeks(row[1][0], row[2][0])) == 200
        assert each.top(1, "active")[0].weeks == 200


def test_a_name_is_replaced_and_one_that_nobody_has_any_more_can_come_back() -> None:
    later = (MONDAY + timedelta(days=n) for n in range(100))
    state = new_state()
    for name in ["Smith", "Jones", "Smith", *(f"Name {n}" for n in range(50)), "Jones", ""]:
        ingest(named(name, next(later)), state)
        assert state.top(1, "active")[0].last_name == name


def test_hostile_ids_are_kept_apart() -> None:
    ids = [
        "a",
        "a\x00",
        "a" * 12,
        "a" * 13,
        "é" * 6,
        "é" * 7,
        "\x00",
        '"',
        "\\",
        "\u2028",
        "z" * 256,
        "😀" * 256,
    ]
    state = state_of(*(order(key, 100, customer=customer) for customer in ids for key in ids))
    for each in (state, again(state)):
        assert (each.totals().customers, each.totals().orders) == (len(ids), len(ids) ** 2)
        for customer in ids:
            assert set(row_of(each, customer)[7]) == set(ids)
    assert state.customer("b") is None


def test_many_customers_orders_and_names_are_found_again() -> None:
    """More than several segments of the core's index hold."""
    state = new_state()
    names = Aggregate()
    for number in range(20_000):
        event = {"type": "CUSTOMER", "verb": "NEW", "key": f"c{number}", "last_name": f"n{number}"}
        ingest(event | {"event_time": "2025-01-01T00:00:00Z"}, state)
        ingest(event | {"event_time": "2025-01-01T00:00:00Z"}, names)
    for number in range(0, 20_000, 7):
        event = {"type": "CUSTOMER", "verb": "UPDATE", "key": f"c{number}", "last_name": "same"}
        ingest(event | {"event_time": "2025-01-02T00:00:00Z"}, state)
        ingest(event | {"event_time": "2025-01-02T00:00:00Z"}, names)
    for number in range(0, 20_000, 11):
        assert row_of(state, f"c{number}")[:7] == columns_of([(names.customers[f"c{number}"], {})])[:7]


def test_a_restored_state_goes_on_from_its_position() -> None:
    position = Position(
        group="g",
        next_offset=9,
        events=7,
        dead_letters=2,
        time_min=MONDAY,
        time_max=MONDAY + timedelta(days=3),
    )
    state = new_state()
    state.restored(position)
    totals = state.totals()
    assert (totals.events, totals.time_min, totals.time_max) == (7, position.time_min, position.time_max)


def test_rows_of_the_first_and_second_format_are_read() -> None:
    week_bits = f"{1 << 9_000 | 1 << 70 | 1:x}".encode()
    first = b'{"v":1,"whole":true,"rows":[["a",5,"%b",2,"N",9,["o",7,123,"p",8,1]],["b",6,"1",0,null,0,[]]]}'
    second = (
        b'{"v":2,"whole":false,"rows":[["d"],[5],["%b"],[2],[null],[0],[1],["o"],[7],[123]],"position":null}'
    )
    state = new_state()
    assert [state.restore(each % week_bits).rows for each in (first, second)] == [4, 2]
    assert active_weeks(row_of(state, "a")[1][0], row_of(state, "a")[2][0]) == [5, 75, 9_005]
    assert (state.totals().orders, state.totals().revenue) == (3, 247)


NO_RECORDS = [
    b'{"v":4,"part":1,"rows":[["c"],[5],[1],[0],[null],[0],[0],[],[],[]]}',  # A reset has no rows.
    *(b"", b"{", b"[]", b'{"v":3}', b'{"v":4,"part":null,"rows":[]}', b"\xff", b'{"v":3,"rows":1}'),
    b'{"v":3,"part":null,"rows":[["c"],[5],[0],[0],[null],[0],[0],[],[],[]]}',  # A customer without a week.
    # None in the first week; with bits beyond those that a row keeps, such rows could be read once, but not again.
    b'{"v":3,"part":null,"rows":[["c"],[5],[2],[0],[null],[0],[0],[],[],[]]}',
    b'{"v":3,"part":null,"rows":[["c"],[5],["1%b"],[0],[null],[0],[0],[],[],[]]}' % (b"0" * 512),
    b'{"v":3,"part":null,"rows":[["c"],[5],[["10",4,"1"]],[0],[null],[0],[0],[],[],[]]}',
    b'{"v":3,"part":null,"rows":[[],[],[],[],[],[],[],[],[],[]],"position":{"group":"g","next_offset":"","next_offset":30}}',
    b'{"v":3,"rows":[["c"],[5],[1],[0],[null],[0],[0],[],[],[]]}',
    b'{"v":3,"part":null,"rows":[["c"],[5],[1],[18446744073709551615],[null],[0],[0],[],[],[]]}',
    b'{"v":3,"part":null,"rows":[["c"],[5],["1F"],[0],[null],[0],[0],[],[],[]]}',
]


@pytest.mark.parametrize("value", NO_RECORDS)
def test_what_is_no_changelog_record_is_refused(value: bytes) -> None:
    with pytest.raises(Fatal):
        new_state().restore(value)


@pytest.mark.parametrize("years", [[0], [0, 18], [18, 0], [0, 1, 18, 38], [0, 100], [0, 100, 200, 20]])
def test_the_changes_of_a_customer_active_in_years_far_apart_are_never_longer_than_estimated(
    years: list[int],
) -> None:
    state = new_state()
    for year in years:
        ingest(order("o", 1, at=MONDAY.replace(year=1900 + year)), state)
    estimated = state.changed_bytes
    assert len(next(iter(state.pack_changes()))) <= estimated + 60  # What stands around the rows.


@given(customer=IDS, key=IDS, name=IDS)
def test_changes_of_hostile_texts_are_never_longer_than_estimated(customer: str, key: str, name: str) -> None:
    state = state_of(order(key, 10**17, customer=customer), {**named(name), "key": customer})
    estimated = state.changed_bytes
    assert len(next(iter(state.pack_changes()))) <= estimated + 60


@needs_core
def test_the_core_estimates_plain_texts_exactly() -> None:
    with in_use("native"):
        plain, escaped = (state_of(order("o", 1, customer=c * 50)).changed_bytes for c in ("a", "\x01"))
    assert escaped - plain == 5 * 50


@pytest.mark.parametrize("partitioner", ["murmur2", "crc32", "fnv1a"])
def test_a_customer_who_belongs_elsewhere_is_not_added(partitioner: Any) -> None:
    home = Home(partitioner, 1, 3)
    state = new_state(home=home)
    ids = [f"customer {n}" for n in range(300)] + ["é", "x" * 200]
    for customer in ids:
        ingest(order("o", 1, customer=customer), state)
    assert state.totals().customers == sum(map(home.has, ids)) > 50
    assert state.misplaced() is None


def chunk(*values: bytes) -> Chunk:
    return Chunk(range(17, 17 + len(values)), [b"c"] * len(values), list(values))


@needs_core
def test_common_events_and_those_with_escapes_and_offsets_are_taken_natively(both: Implementation) -> None:
    if both == "python":
        pytest.skip("of the native core only")
    plain = order("1", 100)
    values = [
        json.dumps(plain).encode(),
        json.dumps(plain | {"key": "é😀\n"}).encode(),
        json.dumps(plain | {"event_time": "2017-01-09T01:00:00.1234567+02:00"}).encode(),
        json.dumps(plain | {"note": {"a": [1, None, "é"]}}).encode(),
    ]
    taken = new_state().take(chunk(*values))
    assert taken.rest == []


@needs_core
def test_a_mistake_in_the_core_is_a_fatal_error_that_names_the_offset_and_the_state_is_refused(
    both: Implementation,
) -> None:
    if both == "python":
        pytest.skip("of the native core only")
    partition = Partition(0, Settings(Cluster(bootstrap_servers="nowhere:1"), partitioner="unchecked"), 1)
    longer_than_any = SiteVisitEvent("NEW", "p", MONDAY, "c" * 70_000)
    with pytest.raises(Fatal, match="at most 65,535 bytes"):
        partition.state.ingest([longer_than_any])
    visit = {
        "type": "SITE_VISIT",
        "verb": "NEW",
        "key": "p",
        "customer_id": "c",
        "event_time": MONDAY.isoformat(),
    }
    value = json.dumps(visit).encode()
    with pytest.raises(Fatal, match=r"from offset 17 on: the native core failed: .*LTV_NATIVE=0"):
        partition.ingest(chunk(value))
    with pytest.raises(Fatal, match="the native core failed"):
        partition.state.totals()


def test_a_core_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contract.native_core.INTERFACE", INTERFACE + 1)
    assert native_core._installed() is None


def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LTV_NATIVE", "0")
    assert native_core._installed() is None
    with in_use("python"):
        assert core_in_use() == "python"
        assert isinstance(new_state(), Aggregate)
