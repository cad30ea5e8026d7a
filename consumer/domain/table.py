"""The state: one aggregate per customer of an events partition (or of a run over files).

Three encodings keep it small and make `ingest` a plain maximum, so that the order of events and redeliveries do not
change the result:

- **weeks**: a bit set that begins with the customer's first week (`first_week`), one bit a week. Weeks that would
  stretch it beyond `MAX_SPAN_WEEKS` are in `far_weeks`, in blocks of `FAR_BLOCK_WEEKS`.
- **stamp**: event time in microseconds since 0001-01-01, doubled, plus one for an UPDATE. The later event has
  the larger stamp; at equal times, the UPDATE.
- **order**: the stamp, shifted, plus the amount in cents. Of two versions of an order the larger number wins:
  the later time, then UPDATE over NEW, then the larger amount.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from consumer.domain.state import StateTotals
from contract.weeks import FAR_BLOCK_WEEKS

CENTS_BITS: Final = 57
CENTS_MASK: Final = (1 << CENTS_BITS) - 1
"""The largest amount, 10^15 dollars, is 10^17 cents: less than 2^57."""

MAX_SPAN_WEEKS: Final = 2_048
"""The longest bit set from a customer's first week to its last: 39 years in 256 bytes."""
NEAR_BYTES: Final = MAX_SPAN_WEEKS // 4
"""The longest bit set in the changelog, in hex."""
FAR_BLOCK_BYTES: Final = FAR_BLOCK_WEEKS // 4 + 16
"""A number of `far_weeks` in the changelog, in hex, with its block."""

ROW_BYTES: Final = 112
"""A customer's row in the changelog, without its id's and name's text and its weeks."""
ORDER_BYTES: Final = 48
"""An order in the changelog, without its id's text."""
CHAR_BYTES: Final = 6
"""The most bytes of a character in JSON text."""

Orders = dict[str, int]
"""Order id -> stamp and cents in one number."""


class Customer:
    """One customer's rolling aggregate."""

    __slots__ = (
        "changed_orders",
        "far_weeks",
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
        self.far_weeks: dict[int, int] | None = None
        """Week // FAR_BLOCK_WEEKS -> one bit for each active week of that block; None: there are none."""
        self.visits = 0
        self.spend = 0
        """Cents, over all orders."""
        self.orders: Orders = {}
        self.last_name: str | None = None
        self.name_stamp = 0
        self.changed_orders: Orders | None = None
        """The orders changed since the last `Table.take_changes`; None: nothing of the customer has changed."""

    @property
    def weeks(self) -> int:
        """The number of distinct weeks in which the customer was active; at least 1."""
        near = self.week_bits.bit_count()
        return near if self.far_weeks is None else near + sum(map(int.bit_count, self.far_weeks.values()))

    def add_week(self, week: int) -> None:
        """Mark this week as active."""
        shift = week - self.first_week
        if 0 <= shift < MAX_SPAN_WEEKS:
            self.week_bits |= 1 << shift
        elif shift < 0 and self.week_bits.bit_length() - shift <= MAX_SPAN_WEEKS:
            self.week_bits = (self.week_bits << -shift) | 1
            self.first_week = week
        else:
            # The span of `week_bits` never shrinks, so a week that does not fit into it now never will.
            if self.far_weeks is None:
                self.far_weeks = {}
            block, bit = divmod(week, FAR_BLOCK_WEEKS)
            self.far_weeks[block] = self.far_weeks.get(block, 0) | 1 << bit

    def put_name(self, last_name: str, stamp: int) -> None:
        """Keep the later of this name and the known one; at equal stamps, the greater text."""
        known = self.last_name
        if known is None or stamp > self.name_stamp or (stamp == self.name_stamp and last_name > known):
            self.last_name, self.name_stamp = last_name, stamp


Change = tuple[Customer, Orders]
"""A changed customer, and its changed orders."""


class Table:
    """All customers of one events partition, the totals, and the changes since the last `take_changes`."""

    def __init__(self, *, notes_changes: bool = True) -> None:
        self.customers: dict[str, Customer] = {}
        self.notes_changes = notes_changes
        """Whether changes are kept for `take_changes`. Where they are never taken, they would fill the memory."""
        self.events = 0
        self.orders = 0
        self.revenue = 0
        """Cents, over all customers."""
        self.time_min: datetime | None = None
        self.time_max: datetime | None = None
        self._changed: list[Customer] = []
        self.changed_bytes = 0
        """The most bytes that the changes not taken yet have in the changelog."""

    def note_change(self, customer: Customer) -> None:
        """Note that a customer has changed. Its `changed_orders` must be None: not noted yet."""
        customer.changed_orders = {}
        self._changed.append(customer)
        size = ROW_BYTES + (customer.week_bits.bit_length() >> 2) + CHAR_BYTES * len(customer.id)
        if customer.last_name is not None:
            size += CHAR_BYTES * len(customer.last_name)
        if customer.far_weeks is not None:
            size += FAR_BLOCK_BYTES * len(customer.far_weeks)
        self.changed_bytes += size

    def take_changes(self, at_most: int | None = None) -> list[Change]:
        """Return the changes that were not taken yet; empty if there are none.

        Args:
            at_most: the largest number of customers to return; None: all.
        """
        start = 0 if at_most is None else max(0, len(self._changed) - at_most)
        taken = self._changed[start:]
        del self._changed[start:]
        if not start:
            self.changed_bytes = 0
        changes = [(customer, customer.changed_orders or {}) for customer in taken]
        for customer in taken:
            customer.changed_orders = None
        return changes

    def totals(self) -> StateTotals:
        """The sums over all customers, and the time frame."""
        return StateTotals(
            self.events, len(self.customers), self.orders, self.revenue, self.time_min, self.time_max
        )

    def everything(self) -> Iterator[Change]:
        """Every customer with all its orders, as changes."""
        return ((customer, customer.orders) for customer in self)

    def put_order(self, customer: Customer, order_id: str, stamp: int, cents: int) -> None:
        """Keep the larger of this version of the order and the known one.

        Args:
            customer: whose order it is; already noted as changed.
            order_id: the order.
            stamp: of this version's event.
            cents: the amount.
        """
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
            self.changed_bytes += ORDER_BYTES + CHAR_BYTES * len(order_id)

    def see_times(self, first: datetime, last: datetime) -> None:
        """Extend the time frame to include these instants."""
        self.time_min = first if self.time_min is None else min(self.time_min, first)
        self.time_max = last if self.time_max is None else max(self.time_max, last)

    def __iter__(self) -> Iterator[Customer]:
        return iter(self.customers.values())
