"""One customer from its changelog rows: for the owner of the partition, and for readers of its changelog."""

from heapq import nlargest
from typing import Literal

from contract.changelog import Columns, Weeks, active_weeks
from contract.customers import MAX_ORDERS_LISTED, CustomerDetail, OrderDetail
from contract.lifetime_value import ltv_cents
from contract.money import money
from contract.times import time_of_stamp, time_text
from contract.weeks import sunday_of


class CustomerRows:
    """One customer's rows, in the order of the changelog; each replaces what the ones before it say."""

    def __init__(self, customer_id: str) -> None:
        self.customer_id = customer_id
        self.is_known = False
        """At least one row was added."""
        self._first_week = 0
        self._weeks: Weeks = 0
        self._visits = 0
        self._last_name: str | None = None
        self._orders: dict[str, tuple[int, int]] = {}
        """Order id -> stamp and cents."""

    def add(self, columns: Columns) -> None:
        """Add the customer's rows among these."""
        if self.customer_id not in columns[0]:
            return
        ids, first_weeks, weeks, visits, names, _, counts, order_ids, stamps, cents = columns
        start = 0
        for i, (customer_id, count) in enumerate(zip(ids, counts, strict=True)):
            end = start + count
            if customer_id == self.customer_id:
                self.is_known = True
                self._first_week, self._weeks = first_weeks[i], weeks[i]
                self._visits, self._last_name = visits[i], names[i]
                versions = zip(stamps[start:end], cents[start:end], strict=True)
                self._orders.update(zip(order_ids[start:end], versions, strict=True))
            start = end

    def detail(
        self, partition: int, next_offset: int, source: Literal["owner", "changelog"]
    ) -> CustomerDetail:
        """The customer, who is known.

        Args:
            partition: the customer's partition.
            next_offset: the rows count all its records before this offset.
            source: who answers.
        """
        weeks = active_weeks(self._first_week, self._weeks)
        spend = sum(cents for _, cents in self._orders.values())
        newest = nlargest(MAX_ORDERS_LISTED, self._orders.items(), key=lambda order: (order[1][0], order[0]))
        return CustomerDetail(
            customer_id=self.customer_id,
            last_name=self._last_name,
            partition=partition,
            next_offset=next_offset,
            source=source,
            total_spend=money(spend),
            weeks=len(weeks),
            visits=self._visits,
            orders=len(self._orders),
            order_list=[_order(order_id, *version) for order_id, version in newest],
            active_weeks=[sunday_of(week) for week in weeks],
            ltv=money(ltv_cents(spend, len(weeks))),
        )


def _order(order_id: str, stamp: int, cents: int) -> OrderDetail:
    return OrderDetail(
        order_id=order_id,
        amount=money(cents),
        event_time=time_text(time_of_stamp(stamp)) or "",
        verb="UPDATE" if stamp & 1 else "NEW",
    )
