"""A ranking from files as Parquet, written by DuckDB: money as decimals, null as null."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb

from contract.snapshots import Row

MONEY: Final = "decimal(38, 2)"
TYPES: Final = {
    "rank": "bigint",
    "customer_id": "varchar",
    "last_name": "varchar",
    "ltv": MONEY,
    "total_spend": MONEY,
    "weeks": "bigint",
    "orders": "bigint",
    "visits": "bigint",
    "revenue_per_visit": MONEY,
    "visits_per_week": "double",
}
"""Column -> its type."""


def ranking_parquet(rows: Sequence[Row]) -> bytes:
    """The bytes of a Parquet file with one row per ranked customer, best first."""
    texts = [[_text(getattr(row, name)) for row in rows] for name in TYPES]
    columns = ", ".join(f"unnest(?::varchar[])::{kind} as {name}" for name, kind in TYPES.items())
    with duckdb.connect() as db, TemporaryDirectory(prefix="ltv-parquet-") as folder:
        path = Path(folder) / "ranking.parquet"
        db.execute(f"create table ranking as select {columns}", texts)
        db.table("ranking").order("rank").write_parquet(str(path))
        return path.read_bytes()


def _text(value: object) -> str | None:
    return None if value is None else str(value)
