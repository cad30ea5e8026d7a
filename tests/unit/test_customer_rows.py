"""Owner and changelog reader make the same customer of the same state, however the changelog was written."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.domain import Aggregate, ingest
from consumer.domain.packing import pack_position, pack_rows
from consumer.stream.owned_customers import OwnedCustomers
from consumer.stream.partition import Partition
from contract.changelog import Position, pack_reset
from contract.customers import CustomerDetail, StateUnavailable
from contract.errors import Fatal
from contract.weeks import week_of_day
from subscriber.customer_changelog import customer_from_changelog
from tests.unit.fake_cluster import log_record
from tests.unit.test_changelog import EVENTS
from tests.unit.test_owned_customers import partition
from tests.unit.weeks import active_weeks

TOPIC = "ltv.changelog"


class Log:
    """A changelog partition behind the calls of a log reader; may be cut while it is read."""

    def __init__(self, values: Iterable[bytes], start: int = 0) -> None:
        self.values = list(values)
        self.start = start
        self.cuts: list[int] = []
        """The start after each reading."""

    def starts(self, _topic: str, _partitions: list[int]) -> dict[int, int]:
        return {0: self.start}

    def committed_ends(self, _topic: str, _partitions: list[int]) -> dict[int, int]:
        return {0: len(self.values)}

    def read(self, topic: str, number: int, start: int, end: int) -> Iterable[list[Any]]:
        yield []
        for offset in range(start, end):
            yield [log_record(topic, number, offset, None, self.values[offset])]
        self.start = self.cuts.pop(0) if self.cuts else self.start


def position(next_offset: int, **more: Any) -> bytes:
    at = Position(group="g", next_offset=next_offset, events=0, dead_letters=0, time_min=None, time_max=None)
    return pack_position(at, **more)


def found(log: Log, customer_id: str = "a") -> CustomerDetail | int:
    return customer_from_changelog(log, TOPIC, 0, customer_id)  # type: ignore[arg-type]


def change(customer_id: str, order_id: str, cents: int) -> bytes:
    state = Aggregate()
    ingest(order(customer_id, order_id, cents), state)
    [value] = pack_rows(state.take_changes())
    return value


def order(customer_id: str, order_id: str, cents: int) -> dict[str, Any]:
    return {
        "type": "ORDER",
        "verb": "NEW",
        "key": order_id,
        "event_time": "2026-01-05T00:00:00Z",
        "customer_id": customer_id,
        "total_amount": f"{cents // 100}.{cents % 100:02d} USD",
    }


def of_state(state: Aggregate) -> Partition:
    made = partition(0, "unchecked")
    made.state = state
    made.next_offset = 9
    return made


@given(st.lists(st.lists(EVENTS, min_size=1), max_size=5))
def test_owner_and_changelog_agree_on_every_customer(commits: list[list[dict[str, Any]]]) -> None:
    state, values = Aggregate(), []
    for number, events in enumerate(commits, 1):
        for event in events:
            ingest(event, state)
        values += [*pack_rows(state.take_changes()), position(9 if number == len(commits) else number)]
    owner = OwnedCustomers({0: of_state(state)}, "unchecked", 1)
    for customer in state:
        by_owner, by_changelog = owner.find(customer.id), found(Log(values), customer.id)
        assert isinstance(by_changelog, CustomerDetail)
        assert {by_owner.source, by_changelog.source} == {"owner", "changelog"}
        for field in by_owner.__struct_fields__:
            if field != "source":
                assert getattr(by_owner, field) == getattr(by_changelog, field), field
        assert {week_of_day(day) for day in by_owner.active_weeks} == active_weeks(customer)
        assert by_owner.total_spend == f"{customer.spend // 100}.{customer.spend % 100:02d}"
        times = [datetime.fromisoformat(each.event_time) for each in by_owner.order_list]
        assert times == sorted(times, reverse=True)


def test_rows_without_their_position_are_not_counted() -> None:
    both = found(Log([change("a", "1", 100), position(1), change("a", "2", 100)]))
    assert isinstance(both, CustomerDetail)
    assert (both.orders, both.next_offset) == (1, 1)


def test_a_customer_without_rows_is_unknown_before_the_last_commit() -> None:
    assert found(Log([change("a", "1", 100), position(1), change("b", "2", 100), position(5)]), "c") == 5


def test_an_id_that_another_encoder_may_escape_is_found() -> None:
    for customer_id in ("Ødegård", 'a"b', "\u2028", "/"):
        log = Log([change(customer_id, "1", 100).replace("Ø".encode(), b"\\u00d8"), position(1)])
        assert isinstance(found(log, customer_id), CustomerDetail), customer_id


def rewritten() -> list[bytes]:
    state = Aggregate()
    for order_id in ("1", "2"):
        ingest(order("a", order_id, 100), state)
    [value] = pack_rows(state.everything(), part=1)
    return [change("a", "1", 100), position(1), value, position(2, part=1, completes=True)]


def test_a_changelog_that_begins_with_a_whole_table_is_enough() -> None:
    whole = found(Log(rewritten(), start=2))
    assert isinstance(whole, CustomerDetail)
    assert (whole.orders, whole.next_offset) == (2, 2)


@pytest.mark.parametrize(
    ("values", "start"), [(rewritten(), 1), ([*rewritten()[:3], position(2, part=1)], 2)]
)
def test_a_changelog_of_which_a_part_is_lost_gives_no_figure(values: list[bytes], start: int) -> None:
    with pytest.raises(StateUnavailable, match="state was deleted"):
        found(Log(values, start))


def test_a_changelog_that_is_cut_while_it_is_read_is_read_again() -> None:
    log = Log(rewritten())
    log.cuts = [2]
    again = found(log)
    assert isinstance(again, CustomerDetail)
    assert again.orders == 2
    never_still = Log([*rewritten(), *rewritten()[2:], *rewritten()[2:]])
    never_still.cuts = [2, 4, 6]
    with pytest.raises(StateUnavailable, match="faster than"):
        found(never_still)


def test_what_is_no_changelog_record_is_named_with_its_offset() -> None:
    with pytest.raises(Fatal, match=r"ltv\.changelog-0 at offset 1: not a changelog record"):
        found(Log([position(1), b'"position"']))


def test_a_customer_of_before_a_reset_is_unknown_after_it_and_has_only_what_came_since() -> None:
    at = Position(group="g", next_offset=7, events=0, dead_letters=0, time_min=None, time_max=None)
    values = [change("a", "o1", 100), position(3), pack_reset(at)]
    assert found(Log(values)) == 7
    since = found(Log([*values, change("a", "o2", 5), position(9)]))
    assert isinstance(since, CustomerDetail)
    assert since.orders == 1
    cut = Log([*values, change("a", "o2", 5), position(9)], start=2)
    assert found(cut) == since
