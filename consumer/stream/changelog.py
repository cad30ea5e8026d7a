"""The packed changelog: many rows (`consumer/stream/rows.py`) share one Kafka record.

The last record of a commit carries the position: the next input offset and the partition's counters.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

import orjson
from msgspec import Struct, ValidationError, convert

from consumer.stream.rows import Row
from contract.errors import Fatal

FORMAT_VERSION: Final = 1
MAX_PACKED_BYTES: Final = 256 * 1024
ROWS_PER_RECORD: Final = 1_000


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
