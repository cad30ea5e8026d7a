"""The figures in the documents are those of the results file, and every row of it is there."""

import json

import pytest

from benchmarks.tables import RESULTS, ROOT, TABLES, with_table

FIGURES = json.loads(RESULTS.read_text())


@pytest.mark.parametrize("document", TABLES)
def test_a_documents_table_is_that_of_the_results_file(document: str) -> None:
    """If this fails: python -m benchmarks.tables --write."""
    text = (ROOT / document).read_text()
    assert text == with_table(text, TABLES[document](FIGURES))


def test_the_whole_table_has_every_contestant_that_was_measured() -> None:
    measured = [entry for entry in FIGURES["contestants"].values() if entry["runs"]]
    rows = [line for line in TABLES["docs/benchmark.md"](FIGURES).splitlines() if line.startswith("| ")]
    assert len(rows) == len(measured) + 2


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="0 tables"):
        with_table("no table", "table")
