"""Changelog rows: the state as plain lists. They are absolute, whole new values.

A row is a customer with some of its orders:
`[customer_id, first_week, week_bits (hex), visits, last_name, name_stamp, [order_id, stamp, cents, ...]]`.
Applying rows again changes nothing; replaying them from any earlier point on ends in the same state.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from consumer.domain.aggregate import CENTS_BITS, CENTS_MASK, Aggregate, Customer

ORDERS_PER_ROW: Final = 500

Row = list[Any]


def rows_of(changed: Iterable[tuple[Customer, Collection[str]]]) -> Iterator[Row]:
    """The rows of these customers, each with the orders named (an id may be named twice)."""
    for customer, order_ids in changed:
        if len(order_ids) > ORDERS_PER_ROW:
            order_ids = dict.fromkeys(order_ids)
        orders: list[str | int] = []
        for order_id in order_ids:
            version = customer.orders[order_id]
            orders += (order_id, version >> CENTS_BITS, version & CENTS_MASK)
        row: Row = [
            customer.id,
            customer.first_week,
            f"{customer.week_bits:x}",
            customer.visits,
            customer.last_name,
            customer.name_stamp,
            orders,
        ]
        if len(orders) <= 3 * ORDERS_PER_ROW:
            yield row
        else:
            parts = iter(orders)
            while part := list(islice(parts, 3 * ORDERS_PER_ROW)):
                yield [*row[:-1], part]


def all_rows(aggregate: Aggregate) -> Iterator[Row]:
    """The rows of the whole table."""
    return rows_of((customer, customer.orders) for customer in aggregate)


def apply_rows(aggregate: Aggregate, rows: Iterable[Row]) -> int:
    """Put rows into the table; returns how many customers and orders they carried."""
    customers = aggregate.customers
    carried = revenue = 0
    for customer_id, first_week, week_bits, visits, last_name, name_stamp, orders in rows:
        customer = customers.get(customer_id)
        if customer is None:
            customer = customers[customer_id] = Customer(customer_id, first_week)
        customer.first_week = first_week
        customer.week_bits = int(week_bits, 16)
        customer.visits = visits
        customer.last_name = last_name
        customer.name_stamp = name_stamp
        carried += 1
        if orders:
            known = customer.orders
            known_before, change = len(known), 0
            fields = iter(orders)
            for order_id, stamp, cents in zip(fields, fields, fields, strict=True):
                change += cents - (known.get(order_id, 0) & CENTS_MASK)
                known[order_id] = stamp << CENTS_BITS | cents
            customer.spend += change
            revenue += change
            aggregate.orders += len(known) - known_before
            carried += len(orders) // 3
    aggregate.revenue += revenue
    return carried
