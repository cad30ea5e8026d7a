"""The packed changelog: many rows (`consumer/stream/rows.py`) share one Kafka record.

The last record of a commit carries the position: the next input offset and the partition's counters.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

import orjson
from msgspec import Struct, ValidationError, convert

from consumer.domain.aggregate import Change
from consumer.stream.rows import COLUMNS, Columns, columns_of, columns_of_rows
from contract.errors import Fatal

FORMAT_VERSION: Final = 2
MAX_PACKED_BYTES: Final = 256 * 1024
ROWS_PER_RECORD: Final = 1_000
ORDERS_PER_ROW: Final = 500


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


def pack_rows(changes: Iterable[Change], *, whole: bool = False) -> Iterator[bytes]:
    """The values of the changelog records that hold these rows.

    Args:
        changes: the changed rows, or those of the whole table.
        whole: the rows are the whole table's: the records before them in the changelog are no longer needed.
    """
    parts = _split_large(changes)
    while some := list(islice(parts, ROWS_PER_RECORD)):
        yield from _records(some, whole)


def pack_position(position: Position, *, whole: bool = False) -> bytes:
    """The value of a commit's last changelog record: the position that belongs to the rows before it."""
    return orjson.dumps(
        {"v": FORMAT_VERSION, "whole": whole, "rows": columns_of(()), "position": _plain(position)}
    )


def _split_large(changes: Iterable[Change]) -> Iterator[Change]:
    """Split customers with more than ORDERS_PER_ROW orders into several rows."""
    for change in changes:
        customer, orders = change
        if len(orders) <= ORDERS_PER_ROW:
            yield change
        else:
            rest = iter(orders.items())
            while part := dict(islice(rest, ORDERS_PER_ROW)):
                yield customer, part


def _records(changes: list[Change], whole: bool) -> Iterator[bytes]:
    value = orjson.dumps({"v": FORMAT_VERSION, "whole": whole, "rows": columns_of(changes)})
    if len(value) <= MAX_PACKED_BYTES or len(changes) == 1:
        yield value
    else:
        half = len(changes) // 2
        yield from _records(changes[:half], whole)
        yield from _records(changes[half:], whole)


def _plain(position: Position) -> dict[str, Any]:
    return {name: getattr(position, name) for name in position.__struct_fields__}


class Unpacked(Struct, frozen=True):
    """One changelog record, decoded."""

    whole: bool
    rows: Columns
    position: Position | None


def unpack(value: bytes) -> Unpacked:
    """Decode one changelog record, of this format or the previous one.

    Raises:
        Fatal: a newer program wrote it, or it is not a changelog record.
    """
    try:
        record = orjson.loads(value)
        version = record["v"]
        if version in (1, FORMAT_VERSION):
            rows, position = record["rows"], record.get("position")
            columns = rows if version == FORMAT_VERSION else columns_of_rows(rows)
            if len(columns) != COLUMNS:
                raise ValueError(f"{len(columns)} columns")
            return Unpacked(record["whole"], columns, convert(position, Position) if position else None)
    except (ValueError, TypeError, LookupError, ValidationError):
        raise Fatal("not a changelog record; does another program write to the topic?") from None
    raise Fatal(
        f"the changelog has rows of format {version}, this program reads format {FORMAT_VERSION}: "
        "run the program version that wrote them, or a newer one"
    )
