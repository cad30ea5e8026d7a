"""The events of a snapshot in a DuckDB database on disk, which a run makes and removes.

DuckDB gets a limit of memory, and writes what does not fit into the same folder. Events go in as columns, many at once.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

import duckdb

from verification.event_check import CountedEvent

ROWS_AT_ONCE: Final = 20_000
DUCKDB_MEMORY: Final = "1GB"
THREADS: Final = 2

_TABLES: Final = """
create table event (source integer, place bigint, customer varchar, type varchar, is_update boolean, instant bigint,
    order_id varchar, cents bigint, last_name varchar);
create table left_out (source integer, place bigint, why varchar, records bigint);
"""
# The largest amount has 18 digits; 20, so that DuckDB multiplies in 128 bits.
_ADD_EVENTS: Final = """
insert into event select unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?), unnest(?),
    (unnest(?::varchar[])::decimal(20, 2) * 100)::bigint, unnest(?::varchar[])
"""
_ADD_LEFT_OUT: Final = "insert into left_out select unnest(?), unnest(?), unnest(?), unnest(?)"


class EventTable:
    """Every record that a snapshot counts: its event, or why it was left out. Use it as a context manager."""

    def __init__(self, memory: str = DUCKDB_MEMORY) -> None:
        self._memory = memory
        self._events: list[tuple[Any, ...]] = []
        self._left_out: list[tuple[Any, ...]] = []

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="ltv-verify-")
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": self._memory,
            "threads": THREADS,
            "temp_directory": self._folder.name,
            "preserve_insertion_order": False,
        }
        self._db = duckdb.connect(Path(self._folder.name) / "events.duckdb", config=settings)
        self._db.execute(_TABLES)
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._folder.cleanup()

    def add(self, source: int, place: int, event: CountedEvent) -> None:
        """Add a valid event.

        Args:
            source: its partition, or the number of its file.
            place: its offset, or its line.
            event: the event.
        """
        self._events.append((source, place, *event))
        if len(self._events) >= ROWS_AT_ONCE:
            self._flush()

    def leave_out(self, source: int, place: int, why: str, records: int = 1) -> None:
        """Add a record that breaks the contract; one that stands for a whole batch, with its number of records."""
        self._left_out.append((source, place, why, records))
        if len(self._left_out) >= ROWS_AT_ONCE:
            self._flush()

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """The rows of a query over all that was added, as dictionaries by column."""
        self._flush()
        done = self._db.execute(sql, parameters)
        names = [column[0] for column in done.description or ()]
        return [dict(zip(names, row, strict=True)) for row in done.fetchall()]

    def _flush(self) -> None:
        self._insert(_ADD_EVENTS, self._events)
        self._insert(_ADD_LEFT_OUT, self._left_out)

    def _insert(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            columns: Sequence[Any] = [list(column) for column in zip(*rows, strict=True)]
            self._db.execute(sql, columns)
            rows.clear()
