"""CDNOW's history as events: ingest's ranking equals one computed from the text without the project's code."""

import gzip
import json
import subprocess
import sys
from collections import defaultdict
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import pytest
from typer.testing import CliRunner

from consumer.domain import Aggregate, ingest, top_x_simple_ltv_customers
from contract.decode import decode_event
from ltv import cli
from producer import cdnow

ROOT = Path(__file__).parents[2]
TEXT = ROOT / "producer" / "data" / "CDNOW_master.txt.gz"
README = ROOT / "examples" / "cdnow" / "README.md"
TOP = 100

SUNDAY = date(1996, 12, 29)
"""The first day of the first purchase's week."""


@pytest.fixture(scope="module")
def state() -> Aggregate:
    state = Aggregate()
    for _, value in cdnow.events():
        ingest(json.loads(value), state)
    return state


def recomputed(basis: str) -> list[tuple[int, str, str, str, int]]:
    spend: dict[str, Fraction] = defaultdict(Fraction)
    weeks: dict[str, set[int]] = defaultdict(set)
    for line in gzip.decompress(TEXT.read_bytes()).decode().split("\r\n")[1:]:
        if line.strip():
            customer, day, _, dollars = line.split()
            spend[customer] += Fraction(dollars)
            weeks[customer].add((date(int(day[:4]), int(day[4:6]), int(day[6:])) - SUNDAY).days // 7)
    every = set().union(*weeks.values())
    span = max(every) - min(every) + 1
    ltv = {c: 52 * spend[c] / (len(weeks[c]) if basis == "active" else span) * 10 for c in spend}
    best = sorted(ltv, key=lambda c: (-ltv[c], c))[:TOP]
    # Rounding a Fraction is half-even.
    return [
        (rank, c, f"{float(round(ltv[c], 2)):.2f}", f"{float(spend[c]):.2f}", len(weeks[c]))
        for rank, c in enumerate(best, 1)
    ]


@pytest.mark.parametrize("basis", ["active", "timeframe"])
def test_the_top_100_equal_an_independent_recomputation(
    state: Aggregate, basis: Literal["active", "timeframe"]
) -> None:
    rows = top_x_simple_ltv_customers(TOP, state, basis)
    found = [(row.rank, row.customer_id, row.ltv, row.total_spend, row.weeks) for row in rows]
    assert found == recomputed(basis)


def test_every_line_is_one_valid_order_of_its_customer() -> None:
    events: list[tuple[str, Any]] = [(customer, decode_event(value)) for customer, value in cdnow.events()]
    assert len(events) == 69_659
    assert len({customer for customer, _ in events}) == 23_570
    assert [event.order_id for _, event in events] == [str(number) for number in range(1, 69_660)]
    assert all(customer == event.customer_id for customer, event in events)
    assert {event.event_time.hour for _, event in events} == {12}


def test_the_first_line_becomes_this_event() -> None:
    assert next(cdnow.events()) == (
        "00001",
        b'{"type":"ORDER","verb":"NEW","key":"1","event_time":"1997-01-01T12:00:00.000Z"'
        b',"customer_id":"00001","total_amount":"11.77 USD"}',
    )


def test_the_packed_file_carries_no_time_or_name() -> None:
    assert TEXT.read_bytes()[3:8] == bytes(5)


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    out = tmp_path / "cdnow.ndjson"
    result = subprocess.run(
        [sys.executable, "-m", "ltv", "generate", "--cdnow", "-o", str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stderr == f"69,659 events written to {out}\n"
    assert out.read_bytes().splitlines() == [value for _, value in cdnow.events()]


def test_the_examples_readme_shows_what_batch_prints(tmp_path: Path) -> None:
    path = tmp_path / "cdnow.ndjson"
    path.write_bytes(b"".join(value + b"\n" for _, value in cdnow.events()))
    shown = {line.strip() for line in README.read_text().splitlines()}
    for basis in ("active", "timeframe"):
        output = CliRunner().invoke(cli.app, ["batch", str(path), "--basis", basis]).stdout
        assert len(output.splitlines()) > 12
        assert {line.strip() for line in output.splitlines()} <= shown
