"""The packed changelog: rows are absolute, and many share one Kafka record.

A row is a customer's whole new value with some of its orders:
`[customer_id, first_week, week_bits (hex), visits, last_name, name_stamp, [order_id, stamp, cents, ...]]`.
Applying rows again changes nothing; replaying them from any earlier point on ends in the same state. The last
record of a commit carries the position: the next input offset and the partition's counters.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

import orjson
from msgspec import Struct, ValidationError, convert

from consumer.domain.aggregate import CENTS_BITS, CENTS_MASK, Aggregate, Customer
from contract.errors import Fatal

FORMAT_VERSION: Final = 1
MAX_PACKED_BYTES: Final = 256 * 1024
ROWS_PER_RECORD: Final = 1_000
ORDERS_PER_ROW: Final = 500

Row = list[Any]


class Position(Struct, frozen=True, kw_only=True):
    """How far an events partition has come: written with every commit, so that state and position can't disagree."""

    group: str
    topic_id: str = ""
    """Of the events topic; "" where the cluster gave none."""
    next_offset: int
    events: int
    dead_letters: int
    time_min: datetime | None
    time_max: datetime | None


def rows_of(changed: Mapping[Customer, Sequence[str]]) -> Iterator[Row]:
    """The rows of these customers, each with the orders named."""
    for customer, order_ids in changed.items():
        if len(order_ids) <= ORDERS_PER_ROW:
            yield _row(customer, order_ids)
        else:
            ids = iter(dict.fromkeys(order_ids))
            while some := list(islice(ids, ORDERS_PER_ROW)):
                yield _row(customer, some)


def all_rows(aggregate: Aggregate) -> Iterator[Row]:
    """The rows of the whole table."""
    return rows_of({customer: list(customer.orders) for customer in aggregate})


def _row(customer: Customer, order_ids: Sequence[str]) -> Row:
    orders: list[str | int] = []
    for order_id in order_ids:
        version = customer.orders[order_id]
        orders += (order_id, version >> CENTS_BITS, version & CENTS_MASK)
    return [
        customer.id,
        customer.first_week,
        f"{customer.week_bits:x}",
        customer.visits,
        customer.last_name,
        customer.name_stamp,
        orders,
    ]


def pack(rows: Iterable[Row], position: Position, *, whole: bool = False) -> Iterator[bytes]:
    """The values of a commit's changelog records, the position in the last one.

    Args:
        rows: what changed, or the whole table.
        position: how far the partition is, once these rows hold.
        whole: these rows are the whole table: what stands before them in the changelog is no longer needed.
    """
    rows = iter(rows)
    while some := list(islice(rows, ROWS_PER_RECORD)):
        yield from _records(some, whole)
    yield orjson.dumps({"v": FORMAT_VERSION, "whole": whole, "rows": [], "position": _plain(position)})


def _records(rows: list[Row], whole: bool) -> Iterator[bytes]:
    value = orjson.dumps({"v": FORMAT_VERSION, "whole": whole, "rows": rows})
    if len(value) <= MAX_PACKED_BYTES or len(rows) == 1:
        yield value
    else:
        half = len(rows) // 2
        yield from _records(rows[:half], whole)
        yield from _records(rows[half:], whole)


def _plain(position: Position) -> dict[str, Any]:
    return {name: getattr(position, name) for name in position.__struct_fields__}


class Unpacked(Struct, frozen=True):
    """One changelog record, decoded."""

    whole: bool
    rows: list[Row]
    position: Position | None


def unpack(value: bytes) -> Unpacked:
    """Decode one changelog record.

    Raises:
        Fatal: a newer program wrote it, or it is no changelog record at all.
    """
    try:
        record = orjson.loads(value)
        version = record["v"]
        if version == FORMAT_VERSION:
            position = record.get("position")
            return Unpacked(
                record["whole"], record["rows"], convert(position, Position) if position else None
            )
    except (orjson.JSONDecodeError, TypeError, KeyError, ValidationError):
        raise Fatal("this is no changelog record; does another program write to the topic?") from None
    raise Fatal(
        f"the changelog has rows of format {version}, this program reads format {FORMAT_VERSION}: "
        "run the program version that wrote them, or a newer one"
    )


def apply_rows(aggregate: Aggregate, rows: Iterable[Row]) -> int:
    """Put rows into the table; returns how many customers and orders they carried."""
    customers = aggregate.customers
    carried = 0
    for customer_id, first_week, week_bits, visits, last_name, name_stamp, orders in rows:
        customer = customers.get(customer_id)
        if customer is None:
            customer = customers[customer_id] = Customer(customer_id, first_week)
        customer.first_week = first_week
        customer.week_bits = int(week_bits, 16)
        customer.visits = visits
        customer.last_name = last_name
        customer.name_stamp = name_stamp
        for i in range(0, len(orders), 3):
            aggregate.put_order(customer, orders[i], (orders[i + 1] << CENTS_BITS) | orders[i + 2])
        carried += 1 + len(orders) // 3
    return carried
