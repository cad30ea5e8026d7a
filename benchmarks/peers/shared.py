"""The common part of the Python peers: events, a customer's aggregate, the top 10. Needs only msgspec."""

import heapq
import json
from datetime import date
from functools import cache

import msgspec

TOP = 10


class Event(msgspec.Struct, gc=False):
    """The fields that the peers need."""

    type: str
    key: str
    event_time: str
    total_amount: str = ""

    def cents(self) -> int:
        """The amount in whole cents; the load's amounts look like `12.34 USD`."""
        return int(self.total_amount[:-7] + self.total_amount[-6:-4])


class Customer(msgspec.Struct, array_like=True, gc=False):
    """A customer's aggregate without the orders; weeks are a bit set from the first week, at most 64 for the load."""

    cents: int = 0
    first_week: int = 0
    weeks: int = 0

    def add(self, event: Event) -> None:
        """Mark the event's week as active."""
        number = week(event.event_time[:10])
        if not self.weeks:
            self.first_week = number
        elif number < self.first_week:
            self.weeks <<= self.first_week - number
            self.first_week = number
        self.weeks |= 1 << number - self.first_week


class Order(msgspec.Struct, array_like=True, gc=False):
    """An order's newest version."""

    cents: int
    event_time: str


decode_event = msgspec.json.Decoder(Event).decode
decode_customer = msgspec.msgpack.Decoder(Customer).decode
decode_order = msgspec.msgpack.Decoder(Order).decode
encode = msgspec.msgpack.Encoder().encode


@cache
def week(day: str) -> int:
    """The number of a date's week (Sunday to Saturday)."""
    return date.fromisoformat(day).toordinal() // 7


def report(events: int, customers: dict[str, Customer]) -> str:
    """The last line of a peer's output, with its top 10."""
    rows = [(each.cents, each.weeks.bit_count(), name) for name, each in customers.items()]
    # Float quotients of the load's cents and weeks are precise enough to tell them apart; ties go by id.
    best = heapq.nsmallest(TOP, rows, key=lambda row: (-row[0] / row[1], row[2]))
    top = [{"customer_id": name, "cents": cents, "weeks": weeks} for cents, weeks, name in best]
    return json.dumps({"top": {"events": events, "rows": top}})
