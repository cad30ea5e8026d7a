"""Add events to the state. For weeks, orders and names this is commutative and idempotent; visits count every event."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from consumer.domain.state import State
from consumer.domain.table import CHAR_BYTES, FAR_BLOCK_BYTES, NEAR_BYTES, Customer, Table
from contract.decode import decode_event
from contract.errors import InvalidEvent
from contract.events import CustomerEvent, Event, OrderEvent, SiteVisitEvent
from contract.times import YEAR_ONE

DAY_S: Final = 86_400
SECOND_US: Final = 1_000_000
NEVER: Final = 1 << 62


def ingest(e: Mapping[str, Any], D: State) -> None:  # noqa: N803  (the original problem's name)
    """Add one event, a dictionary as in the original problem, to the state `D`.

    Raises:
        contract.errors.InvalidEvent: the event breaks the contract; `D` is unchanged.
    """
    try:
        value = msgspec.json.encode(e)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidEvent("undecodable", "", f"not JSON in UTF-8: {error}") from None
    D.ingest([decode_event(value)])


def ingest_events(
    events: Sequence[Event],
    D: Table,  # noqa: N803
    holds: Callable[[str], bool] | None = None,
) -> list[Event]:
    """Add valid events to the state `D`. This is the hot loop: every call in its body costs once per event.

    Args:
        events: in any order.
        D: the state.
        holds: whether a customer who is not in the state yet belongs to it; None: all do.

    Returns:
        The events that were not added, because their customers do not belong to this state.
    """
    misplaced: list[Event] = []
    if not events:
        return misplaced
    customers, notes_changes, year_one = D.customers, D.notes_changes, YEAR_ONE
    order, visit, person = OrderEvent, SiteVisitEvent, CustomerEvent
    first = NEVER
    last = 0
    for event in events:
        since = event.event_time - year_one
        days = since.days
        seconds = since.seconds
        stamp = (days * DAY_S + seconds) * SECOND_US + since.microseconds << 1
        week = (days + 1) // 7  # `week_number` without the call: ordinals begin with 1.
        customer = customers.get(event.customer_id)
        if customer is None:
            if holds is not None and not holds(event.customer_id):
                misplaced.append(event)
                continue
            customer = customers[event.customer_id] = Customer(event.customer_id, week)
        if stamp < first:
            first = stamp
        if stamp > last:
            last = stamp
        shift = week - customer.first_week
        if shift < 0 or not customer.week_bits >> shift & 1:
            customer.add_week(week)
            grown = (shift if shift > 0 else -shift) + 3 >> 2  # At most; to look how much would cost calls.
            D.changed_bytes += grown if grown < NEAR_BYTES else NEAR_BYTES
            if customer.far_weeks is not None:
                D.changed_bytes += FAR_BLOCK_BYTES
        if notes_changes and customer.changed_orders is None:
            D.note_change(customer)

        if type(event) is order:
            D.put_order(customer, event.order_id, stamp | (event.verb == "UPDATE"), event.total_amount)
        elif type(event) is visit:
            customer.visits += 1
        elif type(event) is person and event.last_name is not None:
            customer.put_name(event.last_name, stamp | (event.verb == "UPDATE"))
            D.changed_bytes += CHAR_BYTES * len(event.last_name)
    added = len(events) - len(misplaced)
    if added:
        D.see_times(
            year_one + timedelta(microseconds=int(first >> 1)),
            year_one + timedelta(microseconds=int(last >> 1)),
        )
        D.events += added
    return misplaced
