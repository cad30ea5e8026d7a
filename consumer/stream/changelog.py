"""The packed changelog: many rows (`consumer/stream/rows.py`) share one Kafka record.

The last record of a commit carries the position: the next input offset and the partition's counters. Records of a
rewrite (`consumer/stream/rewrite.py`) carry the number of the rewrite's part to which they belong.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

import orjson
from msgspec import Struct, ValidationError, convert

from consumer.domain.aggregate import Change
from consumer.stream.rows import COLUMNS, Columns, columns_of, columns_of_rows
from contract.errors import Fatal

FORMAT_VERSION: Final = 3
MAX_PACKED_BYTES: Final = 256 * 1024
ROWS_PER_RECORD: Final = 1_000
ORDERS_PER_ROW: Final = 500
WEIGHT_PER_RECORD: Final = 10_000
"""Orders and far weeks' blocks packed at once: rows with very many come in smaller groups."""


class Position(Struct, frozen=True, kw_only=True):
    """The next input offset and the counters, written in the same transaction as the rows, so that they agree."""

    group: str
    topic_id: str = ""
    """The id of the events topic; "" if the cluster has no topic ids."""
    partitioner: str = ""
    """The partitioner by which every customer was checked to belong on this partition; "" if none was checked."""
    next_offset: int
    events: int
    dead_letters: int
    time_min: datetime | None
    time_max: datetime | None


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


class Unpacked(Struct, frozen=True):
    """One changelog record, decoded."""

    part: int | None
    """The number of the rewrite's part to which the record belongs, from 1; None: it belongs to no rewrite."""
    rows: Columns
    position: Position | None
    completes: bool
    """It is the last record of a rewrite: the records before the rewrite's first one are no longer needed."""


def unpack(value: bytes) -> Unpacked:
    """Decode one changelog record, of this format or one of the two before it.

    Raises:
        Fatal: a newer program wrote it, or it is not a changelog record.
    """
    try:
        record = orjson.loads(value)
        version = record["v"]
        if version in (1, 2, FORMAT_VERSION):
            return _unpacked(record, version)
    except (ValueError, TypeError, LookupError, ValidationError):
        raise Fatal("not a changelog record; does another program write to the topic?") from None
    raise Fatal(
        f"the changelog has rows of format {version}, this program reads format {FORMAT_VERSION}: "
        "run the program version that wrote them, or a newer one"
    )


def _unpacked(record: dict[str, Any], version: int) -> Unpacked:
    columns = columns_of_rows(record["rows"]) if version == 1 else record["rows"]
    if len(columns) != COLUMNS:
        raise ValueError(f"{len(columns)} columns")
    found = record.get("position")
    position = convert(found, Position) if found else None
    if version == FORMAT_VERSION:
        return Unpacked(record["part"], columns, position, record.get("completes", False))
    # Before format 3, a rewrite had one part, and all records of its commit belonged to it.
    whole = record["whole"]
    return Unpacked(1 if whole else None, columns, position, completes=whole and position is not None)
