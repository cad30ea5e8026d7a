"""Snapshots and rankings as CSV, a line for each customer. A quote keeps spreadsheets from seeing formulas in text."""

import csv
from collections.abc import Iterable
from io import StringIO
from typing import Final

from msgspec import structs

from contract.snapshots import Row, Snapshot

COLUMNS: Final = ("sequence", "emitted_at", "complete", *Row.__struct_fields__)
RANKING_COLUMNS: Final = tuple(name for name in Row.__struct_fields__ if name != "previous_rank")
"""Of a ranking from files: no snapshot was before it."""

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_header() -> str:
    """The line with the column names."""
    return _lines([COLUMNS])


def csv_rows(snapshot: Snapshot) -> str:
    """One line per row of the snapshot; null is an empty cell."""
    about = (snapshot.sequence, snapshot.emitted_at, "true" if snapshot.coverage.complete else "false")
    return _lines([*about, *map(_cell, structs.astuple(row))] for row in snapshot.rows)


def ranking_csv(rows: Iterable[Row]) -> str:
    """The column names and one line per row of a ranking from files; null is an empty cell."""
    return _lines(
        [RANKING_COLUMNS, *([_cell(getattr(row, name)) for name in RANKING_COLUMNS] for row in rows)]
    )


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value


def _lines(rows: Iterable[Iterable[object]]) -> str:
    return "".join(map(_line, rows))


def _line(row: Iterable[object]) -> str:
    """One line. csv.writer quotes a carriage return in a cell only if lines end with one, which is replaced here."""
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(row)
    return f"{text.getvalue()[:-2]}\n"
