"""The state: what is known of each customer of one events partition (or of one file).

Three encodings keep it small and make `ingest` a plain maximum, so that order and redelivery can't matter:

- **weeks**: a bit set from the customer's first week (`first_week`), one bit a week.
- **stamp**: event time in microseconds since 0001-01-01, doubled, plus one for an UPDATE. The later event has
  the larger stamp; at equal times the UPDATE has.
- **order**: the stamp, shifted, plus the amount in cents. Of two versions of an order the larger one holds:
  later time, then UPDATE over NEW, then the larger amount.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

CENTS_BITS: Final = 57
CENTS_MASK: Final = (1 << CENTS_BITS) - 1
"""10^15 dollars, the largest amount, are 10^17 cents: under 2^57."""

YEAR_ONE: Final = datetime(1, 1, 1, tzinfo=UTC)

Orders = dict[str, int]
"""Order id -> stamp and cents in one number."""


class Customer:
    """One customer's rolling aggregate."""

    __slots__ = (
        "changed_orders",
        "first_week",
        "id",
        "last_name",
        "name_stamp",
        "orders",
        "spend",
        "visits",
        "week_bits",
    )

    def __init__(self, customer_id: str, first_week: int) -> None:
        self.id = customer_id
        self.first_week = first_week
        self.week_bits = 1
        self.visits = 0
        self.spend = 0
        """Cents, over all orders."""
        self.orders: Orders = {}
        self.last_name: str | None = None
        self.name_stamp = 0
        self.changed_orders: Orders | None = None
        """Of a customer that has changed since `Aggregate.take_changes`, the orders that have; None: it has not."""

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
        known = self.last_name
        if known is None or stamp > self.name_stamp or (stamp == self.name_stamp and last_name > known):
            self.last_name, self.name_stamp = last_name, stamp


Change = tuple[Customer, Orders]
"""A customer of which something has changed, with its orders that have."""


class Aggregate:
    """All customers of one events partition, with the totals, and what changed since `take_changes`."""

    def __init__(self, *, notes_changes: bool = True) -> None:
        self.customers: dict[str, Customer] = {}
        self.notes_changes = notes_changes
        """Whether somebody will `take_changes`; if not, they must not pile up."""
        self.events = 0
        self.orders = 0
        self.revenue = 0
        """Cents, over all customers."""
        self.time_min: datetime | None = None
        self.time_max: datetime | None = None
        self._changed: list[Customer] = []

    def note_change(self, customer: Customer) -> None:
        """Count a customer as changed that is not yet: its `changed_orders` are None."""
        customer.changed_orders = {}
        self._changed.append(customer)

    def take_changes(self, at_most: int | None = None) -> list[Change]:
        """What has changed and was not taken yet; empty where nothing is left.

        Args:
            at_most: so many customers; None: all.
        """
        start = 0 if at_most is None else max(0, len(self._changed) - at_most)
        taken = self._changed[start:]
        del self._changed[start:]
        changes = [(customer, customer.changed_orders or {}) for customer in taken]
        for customer in taken:
            customer.changed_orders = None
        return changes

    def everything(self) -> Iterator[Change]:
        """All customers, as if all of each had changed."""
        return ((customer, customer.orders) for customer in self)

    def put_order(self, customer: Customer, order_id: str, stamp: int, cents: int) -> None:
        """Keep the larger of this version of the order and the one there is; its customer is noted as changed."""
        orders = customer.orders
        version = stamp << CENTS_BITS | cents
        known = orders.get(order_id)
        change = cents
        if known is None:
            self.orders += 1
        elif version > known:
            change -= known & CENTS_MASK
        else:
            return
        orders[order_id] = version
        customer.spend += change
        self.revenue += change
        if customer.changed_orders is not None:
            customer.changed_orders[order_id] = version

    def see_times(self, first: datetime, last: datetime) -> None:
        """Widen the time frame to hold these instants."""
        self.time_min = first if self.time_min is None else min(self.time_min, first)
        self.time_max = last if self.time_max is None else max(self.time_max, last)

    def __iter__(self) -> Iterator[Customer]:
        return iter(self.customers.values())
