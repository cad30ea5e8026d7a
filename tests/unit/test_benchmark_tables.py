"""The figures in the documents are those of the results files, and every row of them is there."""

from typing import Any

import pytest

from benchmarks.tables import ROOT, TABLES, capacity_table, results, table_of, with_table


@pytest.mark.parametrize("document", TABLES)
def test_a_documents_table_is_that_of_the_results_file(document: str) -> None:
    """If this fails: python -m benchmarks.tables --write."""
    text = (ROOT / document).read_text()
    assert text == with_table(text, table_of(document))


def test_the_whole_table_has_every_contestant_that_was_measured() -> None:
    measured = [entry for entry in results("throughput")["contestants"].values() if entry["runs"]]
    rows = [line for line in table_of("docs/benchmark.md").splitlines() if line.startswith("| ")]
    assert len(rows) == len(measured) + 2


def capacity_of(scale: dict[str, Any], restart: dict[str, Any]) -> dict[str, list[str]]:
    """The rows of the capacity table: title -> a cell each for the native core and pure Python."""
    run = {"at": "2026-01-01", "versions": {"ltv": "abc"}}
    contestants = {"ltv native": {"events_per_cpu_s": 1e6}, "ltv pure": {"events_per_cpu_s": 1e5}}
    table = capacity_table(
        {**run, "contestants": contestants},
        {core: {**run, **figures} for core, figures in scale.items()},
        {core: {**run, **figures} for core, figures in restart.items()},
    )
    rows = [line[2:-2].split(" | ") for line in table.splitlines() if line.startswith("| ")]
    return {title: cells for title, *cells in rows}


def test_the_cost_of_a_day_is_computed_from_the_measured_rates_and_sizes() -> None:
    grown = {
        "customers": 10,
        "orders": 90,
        "bytes_per_customer": 100,
        "bytes_per_order": 50,
        "rewrite_s": 0.001,
    }
    rows = capacity_of(
        {"native": {"tables": [grown], "consume": []}},
        {"native": {"restore": [{"rows_per_s": 1_100_000}]}},
    )
    assert rows["CPU hours, 100,000 customers"] == ["0.3", "2.8"]
    assert rows["GB of memory, 10,000,000 customers with ten orders each"] == ["6.0", ""]
    assert rows["GB of memory more each day, a fifth of the events new orders"] == ["10.0", ""]
    assert rows["us a row, rewriting a changelog"] == ["10.0", ""]
    assert rows["seconds to restore 27,500,000 rows"] == ["25", ""]


def test_the_cost_of_a_day_has_no_row_for_what_no_run_measured() -> None:
    assert list(capacity_of({}, {})) == ["1,000,000,000 events a day", "---", "CPU hours, 100,000 customers"]


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="0 tables"):
        with_table("no table", "table")
