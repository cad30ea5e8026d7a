"""docs/original-challenge.md: its commands run as they stand, and its tables name commands and files that exist."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.domain import Aggregate, ingest, top_x_simple_ltv_customers
from ltv.catalogue import COMMANDS

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "original-challenge.md").read_text()
BLOCKS = [
    re.sub(r"(?m)^    ", "", block).strip()
    for block in re.findall(r"(?m)(?:^    .*\n|^\n)+", DOCUMENT)
    if block.strip()
]


def test_the_commands_of_the_first_minute_run_and_write_what_is_said(tmp_path: Path) -> None:
    commands = [line.split()[1:] for line in BLOCKS[0].splitlines()]
    assert len(commands) == 5
    for words in commands:
        subprocess.run(
            [sys.executable, "-m", "ltv", *words], cwd=tmp_path, check=True, capture_output=True, timeout=60
        )
    assert len(json.loads((tmp_path / "events.json").read_bytes())) == 5_000
    top = json.loads((tmp_path / "top.json").read_bytes())
    assert [len(row) for row in top] == [1] * 10
    assert (tmp_path / "report.html").read_text().count("<svg ") == 6


def test_the_library_does_what_the_example_asserts() -> None:
    subprocess.run([sys.executable, "-c", BLOCKS[1]], cwd=ROOT, check=True, timeout=60)


def test_the_worked_ranking_is_the_samples() -> None:
    expected = json.loads((ROOT / "tests" / "samples" / "challenge.expected.json").read_bytes())
    rows = re.findall(r"(?m)^\| (cy|anna|bo|di) \|.*\| (\d):? ?.*\| ([\d,.]+) \|$", DOCUMENT)
    assert [(name, int(weeks), ltv.replace(",", "")) for name, weeks, ltv in rows] == [
        (row["customer_id"], row["weeks"], row["ltv"]) for row in expected["active"]
    ]


ORDER = {
    "type": "ORDER",
    "verb": "NEW",
    "key": "o1",
    "customer_id": "c1",
    "total_amount": "12.34 USD",
    "event_time": "2017-01-06T12:55:55Z",
}


@pytest.mark.parametrize("left", ["12.33", "0.00"])
def test_an_update_to_a_lower_amount_is_a_refund(left: str) -> None:
    state = Aggregate()
    ingest({**ORDER, "verb": "UPDATE", "total_amount": f"{left} USD"}, state)
    ingest(ORDER, state)
    [row] = top_x_simple_ltv_customers(10, state)
    assert (row.total_spend, row.orders) == (left, 1)


def test_two_states_know_nothing_of_each_other() -> None:
    one, other = Aggregate(), Aggregate()
    ingest(ORDER, one)
    assert len(top_x_simple_ltv_customers(10, one)) == 1
    assert top_x_simple_ltv_customers(10, other) == []


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`ltv ([a-z-]+)", DOCUMENT))))
def test_the_document_names_commands_that_exist(command: str) -> None:
    assert command in COMMANDS
