"""The format of a changelog record: many rows, as columns, and in a commit's last record the position.

A row is a customer with some of its orders. Entry i of each of the first seven columns belongs to row i: ids, first
weeks, week bits, visits, last names, name stamps, number of orders. The last three columns, order ids, stamps and
cents, hold the orders of all rows in turn. A row holds absolute values, not differences: applying rows again changes
nothing, and a customer's later row replaces the earlier one, but for orders that the later row does not have.
"""

from datetime import datetime
from typing import Any, Final

import orjson
from msgspec import Struct, ValidationError, convert, json

from contract.errors import Fatal
from contract.weeks import FAR_BLOCK_WEEKS

FORMAT_VERSION: Final = 3
RESET_VERSION: Final = 4
"""The format of a reset's record alone: it empties the table, so that a program which does not know it must refuse."""
COLUMNS: Final = 10

Columns = list[list[Any]]

Weeks = int | str | list[int | str]
"""The week bits as a number, or as hex text if they are longer; a list if there are far weeks: then each block, and
its week bits, follow."""


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
    consecutive_dead_letters: int = 0
    """Those among them that stand right before the next offset, without a valid event between them."""
    time_min: datetime | None
    time_max: datetime | None


class Unpacked(Struct, frozen=True):
    """One changelog record, decoded."""

    part: int | None
    """The number of the rewrite's part to which the record belongs, from 1; None: it belongs to no rewrite."""
    rows: Columns
    position: Position | None
    completes: bool
    """It is the last record of a rewrite: the records before the rewrite's first one are no longer needed."""
    empties: bool = False
    """It is a reset: the state before it is forgotten, and counting goes on from its position."""


def pack_reset(position: Position) -> bytes:
    """The value of a reset's record: a whole table without rows, and where counting begins."""
    rows: Columns = [[] for _ in range(COLUMNS)]
    return json.encode({"v": RESET_VERSION, "part": 1, "completes": True, "rows": rows, "position": position})


def unpack(value: bytes) -> Unpacked:
    """Decode one changelog record, of this format or one of the two before it.

    Raises:
        Fatal: a newer program wrote it, or it is not a changelog record.
    """
    try:
        record = orjson.loads(value)
        version = record["v"]
        if version in (1, 2, FORMAT_VERSION, RESET_VERSION):
            return _unpacked(record, version)
    except (ValueError, TypeError, LookupError, ValidationError):
        raise Fatal("not a changelog record; does another program write to the topic?") from None
    raise Fatal(
        f"the changelog has rows of format {version}, this program reads format {RESET_VERSION}: "
        "run the program version that wrote them, or a newer one"
    )


def _unpacked(record: dict[str, Any], version: int) -> Unpacked:
    columns = columns_of_rows(record["rows"]) if version == 1 else record["rows"]
    if len(columns) != COLUMNS:
        raise ValueError(f"{len(columns)} columns")
    found = record.get("position")
    position = convert(found, Position) if found else None
    if version >= FORMAT_VERSION:
        empties = version == RESET_VERSION
        return Unpacked(record["part"], columns, position, record.get("completes", False), empties)
    # Before format 3, a rewrite had one part, and all records of its commit belonged to it.
    whole = record["whole"]
    return Unpacked(1 if whole else None, columns, position, completes=whole and position is not None)


def columns_of_rows(rows: list[list[Any]]) -> Columns:
    """The columns of rows in format 1.

    Its rows: `[id, first week, week bits in hex, visits, last name, name stamp, [order id, stamp, cents, ...]]`.
    """
    orders = [field for row in rows for field in row[6]]
    return [
        *([row[i] for row in rows] for i in range(6)),
        [len(row[6]) // 3 for row in rows],
        *(orders[i::3] for i in range(3)),
    ]


def week_bits_of(field: int | str) -> int:
    """Week bits as a number, also where the field is hex text."""
    return int(field, 16) if isinstance(field, str) else field


def active_weeks(first_week: int, weeks: Weeks) -> list[int]:
    """The numbers of a row's active weeks, ascending."""
    near, *far = weeks if isinstance(weeks, list) else [weeks]
    found = _weeks_from(first_week, week_bits_of(near))
    for block, bits in zip(far[::2], far[1::2], strict=True):
        found += _weeks_from(int(block) * FAR_BLOCK_WEEKS, week_bits_of(bits))
    return sorted(found)


def _weeks_from(first: int, bits: int) -> list[int]:
    return [first + i for i, bit in enumerate(f"{bits:b}"[::-1]) if bit == "1"]
