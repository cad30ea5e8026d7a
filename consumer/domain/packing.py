"""Packing the changelog (`contract/changelog.py`): many rows share one Kafka record.

The last record of a commit carries the position: the next input offset and the partition's counters. Records of a
rewrite (`consumer/stream/rewrite.py`) carry the number of the rewrite's part to which they belong.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import orjson

from consumer.domain.rows import columns_of
from consumer.domain.table import Change
from contract.changelog import FORMAT_VERSION, Position

MAX_PACKED_BYTES: Final = 256 * 1024
ROWS_PER_RECORD: Final = 1_000
ORDERS_PER_ROW: Final = 500
WEIGHT_PER_RECORD: Final = 10_000
"""Orders and far weeks' blocks packed at once: rows with very many come in smaller groups."""


def pack_rows(changes: Iterable[Change], *, part: int | None = None) -> Iterator[bytes]:
    """The values of the changelog records that hold these rows.

    Args:
        changes: the changed rows, or those of a part of the table.
        part: the number of the rewrite's part, from 1; None: the rows are changes.
    """
    rows = _split_large(changes)
    while some := list(islice(rows, ROWS_PER_RECORD)):
        yield from _records(some, part)


def pack_position(position: Position, *, part: int | None = None, completes: bool = False) -> bytes:
    """The value of a commit's last changelog record: the position that belongs to the rows before it.

    Args:
        position: the position.
        part: the number of the rewrite's part that the commit has written; None: it has written none.
        completes: it was the last part.
    """
    return orjson.dumps(
        {
            "v": FORMAT_VERSION,
            "part": part,
            "completes": completes,
            "rows": columns_of(()),
            "position": _plain(position),
        }
    )


def _split_large(changes: Iterable[Change]) -> Iterator[Change]:
    """Split customers with more than ORDERS_PER_ROW orders into several rows."""
    for change in changes:
        if len(change[1]) <= ORDERS_PER_ROW:
            yield change
        else:
            yield from rows_of(change)


def rows_of(change: Change, skip: int = 0) -> Iterator[Change]:
    """The customer's rows, ORDERS_PER_ROW orders in each, without the first `skip` orders; at least one row."""
    customer, orders = change
    rest = islice(orders.items(), skip, None)
    yield customer, dict(islice(rest, ORDERS_PER_ROW))
    while part := dict(islice(rest, ORDERS_PER_ROW)):
        yield customer, part


def weight(rows: Sequence[Change]) -> int:
    """How much the rows add to a record: their orders, and the blocks of their far weeks."""
    far = [customer.far_weeks for customer, _ in rows if customer.far_weeks is not None]
    return sum(map(len, [orders for _, orders in rows])) + sum(map(len, far))


def _records(rows: list[Change], part: int | None) -> Iterator[bytes]:
    if len(rows) == 1 or weight(rows) <= WEIGHT_PER_RECORD:
        value = orjson.dumps({"v": FORMAT_VERSION, "part": part, "rows": columns_of(rows)})
        if len(value) <= MAX_PACKED_BYTES or len(rows) == 1:
            yield value
            return
    half = len(rows) // 2
    yield from _records(rows[:half], part)
    yield from _records(rows[half:], part)


def _plain(position: Position) -> dict[str, Any]:
    return {name: getattr(position, name) for name in position.__struct_fields__}
