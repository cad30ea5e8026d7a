"""The law: over weeks, orders and names, ingest is commutative and idempotent. Only visits count each event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from consumer.domain.aggregate import CENTS_BITS, Aggregate, Customer, stamp_of
from consumer.domain.money import parse_amount
from consumer.domain.week import week_number
from contract.errors import InvalidEvent
from contract.events import CustomerEvent, Event, OrderEvent, SiteVisitEvent, decode_event


def ingest(e: Mapping[str, Any], D: Aggregate) -> None:  # noqa: N803  (the original problem's name)
    """Add one plain event, a dictionary as the original problem has it, to the state `D`.

    Raises:
        contract.errors.InvalidEvent: the event breaks the contract; `D` is as it was.
    """
    try:
        value = msgspec.json.encode(e)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidEvent("undecodable", "", f"not JSON in UTF-8: {error}") from None
    ingest_event(D, *decode_event(value))


def ingest_event(aggregate: Aggregate, event: Event, at: datetime) -> None:
    """Add one validated event with its event time (as `decode_event` gives them) to the state."""
    customer_id = event.key if type(event) is CustomerEvent else event.customer_id
    week = week_number(at)
    customer = aggregate.customers.get(customer_id)
    if customer is None:
        customer = aggregate.customers[customer_id] = Customer(customer_id, week)
    else:
        customer.add_week(week)
    changed = aggregate.changed
    if customer not in changed:
        changed[customer] = []

    if type(event) is OrderEvent:
        version = (stamp_of(at, event.verb == "UPDATE") << CENTS_BITS) | parse_amount(event.total_amount)
        aggregate.put_order(customer, event.key, version)
        changed[customer].append(event.key)
    elif type(event) is SiteVisitEvent:
        customer.visits += 1
    elif type(event) is CustomerEvent and event.last_name is not None:
        customer.put_name(event.last_name, stamp_of(at, event.verb == "UPDATE"))

    aggregate.events += 1
    aggregate.see_time(at)
