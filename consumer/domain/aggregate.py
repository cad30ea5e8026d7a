"""The state: what is known of each customer of one events partition (or of one file).

Three encodings keep it small and make `ingest` a plain maximum, so that order and redelivery can't matter:

- **weeks**: a bit set from the customer's first week (`first_week`), one bit a week.
- **stamp**: event time in microseconds since 0001-01-01, doubled, plus one for an UPDATE. The later event has
  the larger stamp; at equal times the UPDATE has.
- **order**: the stamp, shifted, plus the amount in cents. Of two versions of an order the larger one holds:
  later time, then UPDATE over NEW, then the larger amount.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

CENTS_BITS: Final = 57
CENTS_MASK: Final = (1 << CENTS_BITS) - 1
"""10^15 dollars, the largest amount, are 10^17 cents: under 2^57."""

_YEAR_ONE: Final = datetime(1, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def stamp_of(at: datetime, is_update: bool) -> int:
    """The stamp (see the module) of an event at this time."""
    return ((at - _YEAR_ONE) // _MICROSECOND) * 2 + is_update


@dataclass(slots=True, eq=False)
class Customer:
    """One customer's rolling aggregate."""

    id: str
    first_week: int
    week_bits: int = 1
    visits: int = 0
    spend: int = 0
    """Cents, over all orders."""
    orders: dict[str, int] = field(default_factory=dict)
    """Order id -> stamp and cents in one number."""
    last_name: str | None = None
    name_stamp: int = 0

    @property
    def weeks(self) -> int:
        """Distinct weeks in which the customer was active; at least one."""
        return self.week_bits.bit_count()

    def add_week(self, week: int) -> None:
        """Count this week once."""
        shift = week - self.first_week
        if shift >= 0:
            self.week_bits |= 1 << shift
        else:
            self.week_bits = (self.week_bits << -shift) | 1
            self.first_week = week

    def put_name(self, last_name: str, stamp: int) -> None:
        """Keep the later of this name and the one there is."""
        if self.last_name is None or (stamp, last_name) > (self.name_stamp, self.last_name):
            self.last_name, self.name_stamp = last_name, stamp


@dataclass(slots=True)
class Aggregate:
    """All customers of one events partition, with the totals, and what changed since `take_changes`."""

    customers: dict[str, Customer] = field(default_factory=dict)
    events: int = 0
    orders: int = 0
    revenue: int = 0
    """Cents, over all customers."""
    time_min: datetime | None = None
    time_max: datetime | None = None
    changed: dict[Customer, list[str]] = field(default_factory=dict)
    """Customers with changes -> the ids of their changed orders (an id can occur twice)."""

    def take_changes(self) -> dict[Customer, list[str]]:
        """The changes since the last call; from here on they are counted anew."""
        taken, self.changed = self.changed, {}
        return taken

    def put_order(self, customer: Customer, order_id: str, version: int) -> None:
        """Keep the larger of this version of the order and the one there is."""
        known = customer.orders.get(order_id)
        if known is None:
            self.orders += 1
            known = 0
        elif version <= known:
            return
        customer.orders[order_id] = version
        change = (version & CENTS_MASK) - (known & CENTS_MASK)
        customer.spend += change
        self.revenue += change

    def see_time(self, at: datetime) -> None:
        """Widen the time frame to hold this instant."""
        if self.time_min is None or at < self.time_min:
            self.time_min = at
        if self.time_max is None or at > self.time_max:
            self.time_max = at

    def __iter__(self) -> Iterator[Customer]:
        return iter(self.customers.values())
