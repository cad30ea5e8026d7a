"""The law: over weeks, orders and names, ingest is commutative and idempotent. Only visits count each event."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from consumer.domain.aggregate import CENTS_BITS, Aggregate, Customer, stamp_of
from consumer.domain.money import parse_amount
from consumer.domain.week import week_number
from contract.decode import decode_event
from contract.errors import InvalidEvent
from contract.events import CustomerEvent, Event, OrderEvent, SiteVisitEvent


def ingest(e: Mapping[str, Any], D: Aggregate) -> None:  # noqa: N803  (the original problem's name)
    """Add one plain event, a dictionary as the original problem has it, to the state `D`.

    Raises:
        contract.errors.InvalidEvent: the event breaks the contract; `D` is as it was.
    """
    try:
        value = msgspec.json.encode(e)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidEvent("undecodable", "", f"not JSON in UTF-8: {error}") from None
    ingest_events([decode_event(value)], D)


def ingest_events(events: Sequence[Event], D: Aggregate) -> None:  # noqa: N803
    """Add valid events to the state `D`. This is the hot loop: what is called here is called for every event."""
    customers = D.customers
    for event in events:
        at = event.event_time
        week = week_number(at)
        customer = customers.get(event.customer_id)
        if customer is None:
            customer = customers[event.customer_id] = Customer(event.customer_id, week)
        shift = week - customer.first_week
        if shift < 0 or not customer.week_bits >> shift & 1:
            customer.add_week(week)
        if customer.changed_orders is None and D.notes_changes:
            D.note_change(customer)

        if type(event) is OrderEvent:
            stamp = stamp_of(at, event.verb == "UPDATE")
            D.put_order(customer, event.order_id, stamp << CENTS_BITS | parse_amount(event.total_amount))
        elif type(event) is SiteVisitEvent:
            customer.visits += 1
        elif type(event) is CustomerEvent and event.last_name is not None:
            customer.put_name(event.last_name, stamp_of(at, event.verb == "UPDATE"))
    D.see_times([event.event_time for event in events])
    D.events += len(events)
