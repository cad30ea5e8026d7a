"""The state as rows of the changelog (`contract/changelog.py`), and rows put back into the state."""

from collections.abc import Sequence
from typing import Final

from consumer.domain.table import CENTS_BITS, CENTS_MASK, MAX_SPAN_WEEKS, Change, Customer, Table
from contract.changelog import Columns, Weeks, week_bits_of

MAX_JSON_INT: Final = (1 << 63) - 1
"""Larger week bits are written as text, in hex."""


def columns_of(changes: Sequence[Change]) -> Columns:
    """One row for each change."""
    customers = [customer for customer, _ in changes]
    order_ids: list[str] = []
    versions: list[int] = []
    for _, orders in changes:
        if orders:
            order_ids += orders
            versions += orders.values()
    return [
        [customer.id for customer in customers],
        [customer.first_week for customer in customers],
        _weeks_of(customers),
        [customer.visits for customer in customers],
        [customer.last_name for customer in customers],
        [customer.name_stamp for customer in customers],
        [len(orders) for _, orders in changes],
        *order_columns(order_ids, versions),
    ]


def order_columns(order_ids: list[str], versions: list[int]) -> Columns:
    """The last three columns: ids, stamps and cents."""
    return [
        order_ids,
        [version >> CENTS_BITS for version in versions],
        [version & CENTS_MASK for version in versions],
    ]


def _weeks_of(customers: Sequence[Customer]) -> list[Weeks]:
    bits = [customer.week_bits for customer in customers]
    weeks: list[Weeks] = [near if near <= MAX_JSON_INT else f"{near:x}" for near in bits]
    for i, far in [(i, c.far_weeks) for i, c in enumerate(customers) if c.far_weeks is not None]:
        near = weeks[i]
        assert not isinstance(near, list)
        weeks[i] = [near, *(field for block, bits in far.items() for field in (block, f"{bits:x}"))]
    return weeks


def _put_weeks(customer: Customer, first_week: int, weeks: Weeks) -> None:
    """Set the customer's weeks; formats 1 and 2 have no far weeks, but week bits of any length."""
    if isinstance(weeks, list):
        near, *far = weeks
        customer.far_weeks = {
            int(block): week_bits_of(bits) for block, bits in zip(far[::2], far[1::2], strict=True)
        }
    else:
        near = weeks
    bits = week_bits_of(near)
    customer.first_week = first_week
    customer.week_bits = bits & ((1 << MAX_SPAN_WEEKS) - 1)
    rest = f"{bits >> MAX_SPAN_WEEKS:b}"[::-1]
    at = rest.find("1")
    while at >= 0:
        customer.add_week(first_week + MAX_SPAN_WEEKS + at)
        at = rest.find("1", at + 1)


def apply_columns(table: Table, columns: Columns) -> int:
    """Put rows into the table; returns the number of customers plus orders in them."""
    customers = table.customers
    *of_customers, order_ids, stamps, cents = columns
    at = revenue = 0
    for customer_id, first_week, weeks, visits, last_name, name_stamp, count in zip(
        *of_customers, strict=True
    ):
        customer = customers.get(customer_id)
        if customer is None:
            customer = customers[customer_id] = Customer(customer_id, first_week)
        if type(weeks) is int:
            customer.first_week = first_week
            customer.week_bits = weeks
        else:
            _put_weeks(customer, first_week, weeks)
        customer.visits = visits
        customer.last_name = last_name
        customer.name_stamp = name_stamp
        if count:
            known = customer.orders
            known_before, change = len(known), 0
            for i in range(at, at + count):
                order_id, paid = order_ids[i], cents[i]
                change += paid - (known.get(order_id, 0) & CENTS_MASK)
                known[order_id] = stamps[i] << CENTS_BITS | paid
            at += count
            customer.spend += change
            revenue += change
            table.orders += len(known) - known_before
    table.revenue += revenue
    return len(columns[0]) + at
