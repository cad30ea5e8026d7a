"""The format of a changelog record: many rows, as columns, and in a commit's last record the position.

A row is a customer with some of its orders. Entry i of each of the first seven columns belongs to row i: ids, first
weeks, week bits, visits, last names, name stamps, number of orders. The last three columns, order ids, stamps and
cents, hold the orders of all rows in turn. A row holds absolute values, not differences: applying rows again changes
nothing, and a customer's later row replaces the earlier one, but for orders that the later row does not have.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, convert, json

from contract.errors import Fatal
from contract.weeks import FAR_BLOCK_WEEKS

FORMAT_VERSION: Final = 3
RESET_VERSION: Final = 4
"""The format of a reset's record alone: it empties the table, so that a program which does not know it must refuse."""
COLUMNS: Final = 10
WEEKS: Final = 2
"""The number of the column with the week bits."""
ORDER_COUNTS: Final = 6
"""The number of the column with each row's number of orders."""
_HEX: Final = re.compile("[0-9a-f]+")

Columns = list[list[Any]]

Weeks = int | str | list[int | str]
"""The week bits as a number, or as hex text if they are longer; a list if there are far weeks: then each block, and
its week bits, follow."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Time: TypeAlias = Annotated[datetime, Meta(tz=True)]


NOT_A_RECORD: Final = "not a changelog record; does another program write to the topic?"


class Position(Struct, frozen=True, kw_only=True):
    """The next input offset and the counters, written in the same transaction as the rows, so that they agree."""

    group: str
    topic_id: str = ""
    """The id of the events topic; "" if the cluster has no topic ids."""
    partitioner: str = ""
    """The partitioner by which every customer was checked to belong on this partition; "" if none was checked."""
    next_offset: Count
    events: Count
    dead_letters: Count
    consecutive_dead_letters: Count = 0
    """Those among them that stand right before the next offset, without a valid event between them."""
    time_min: Time | None
    time_max: Time | None


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


_Rows: TypeAlias = tuple[
    list[str],
    list[Count],
    list[Count | str | list[Count | str]],
    list[Count],
    list[str | None],
    list[Count],
    list[Count],
    list[str],
    list[Count],
    list[Count],
]


class _Record(Struct):
    """A record as JSON, of format 2 or newer."""

    v: Literal[2, 3, 4]
    rows: _Rows
    part: Count | UnsetType | None = UNSET
    completes: bool = False
    whole: bool | UnsetType = UNSET
    """In format 2. A rewrite had one part then, and all records of its commit belonged to it."""
    position: Position | None = None


_decode: Final = json.Decoder(_Record).decode
_decode_fields: Final = json.Decoder(dict[str, Raw]).decode


def unpack(value: bytes) -> Unpacked:
    """Decode one changelog record, of this format or one of those before it.

    Raises:
        Fatal: a newer program wrote it, or it is not a changelog record.
    """
    try:
        return _unpacked(value)
    except (ValueError, TypeError, LookupError, RecursionError):
        raise Fatal(NOT_A_RECORD) from None


def _unpacked(value: bytes) -> Unpacked:
    try:
        record = _decode(value)
    except ValueError:
        record = _of_other_format(value)
    columns: Columns = list(record.rows)
    _check_lengths(columns)
    if record.v == 2:
        if record.whole is UNSET:
            raise ValueError("neither whole nor a part")
        part, completes = 1 if record.whole else None, record.whole and record.position is not None
    elif record.part is UNSET:
        raise ValueError("no part")
    else:
        part, completes = record.part, record.completes
    if record.v == RESET_VERSION and any(columns):
        raise ValueError("a reset with rows")
    return Unpacked(part, columns, record.position, completes, empties=record.v == RESET_VERSION)


def _of_other_format(value: bytes) -> _Record:
    """A record of format 1, as one of format 2.

    Raises:
        Fatal: it has a newer format.
        ValueError: it has a format that is known, but is no record.
    """
    fields: dict[str, Any] = _decode_fields(value)
    version = json.decode(fields["v"])
    if version == 1:
        fields |= {"v": 2, "rows": columns_of_rows(json.decode(fields["rows"]))}
        return convert({name: _decoded(field) for name, field in fields.items()}, _Record)
    if type(version) is int and version > RESET_VERSION:
        raise Fatal(
            f"the changelog has rows of format {version}, this program reads format {RESET_VERSION}: "
            "run the program version that wrote them, or a newer one"
        )
    raise ValueError(f"format {version}")


def _decoded(field: Any) -> Any:
    return json.decode(field) if isinstance(field, Raw) else field


def _check_lengths(columns: Columns) -> None:
    """Check that the columns have the same lengths, and the last three those of the orders.

    Raises:
        ValueError: they do not.
    """
    of_rows, of_orders = columns[:ORDER_COUNTS], columns[ORDER_COUNTS + 1 :]
    counts = columns[ORDER_COUNTS]
    if {len(counts)} != set(map(len, of_rows)) or {sum(counts)} != set(map(len, of_orders)):
        raise ValueError("columns of different lengths")
    for weeks in columns[WEEKS]:
        if type(weeks) is not int or not weeks & 1:
            _check_weeks(weeks)


def _check_weeks(weeks: Weeks) -> None:
    near, *far = weeks if isinstance(weeks, list) else [weeks]
    if len(far) % 2 or any(type(block) is not int for block in far[::2]):
        raise ValueError("a block of weeks without its number")
    if not all(type(bits) is int or _HEX.fullmatch(str(bits)) for bits in (near, *far[1::2])):
        raise ValueError("week bits that are not in hex")
    if not week_bits_of(near) & 1:
        raise ValueError("a customer without activity in its first week")


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
