"""`ltv batch` ranks the customers of event files, without Kafka."""

import csv
import gzip
import json
import os
import random
import signal
import subprocess
import sys
from base64 import b64decode
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner, Result

from contract.errors import Fatal
from ltv import cli

SAMPLES = Path(__file__).parent.parent / "samples"
CHALLENGE = SAMPLES / "challenge.json"
EXPECTED = json.loads((SAMPLES / "challenge.expected.json").read_text())


def batch(*args: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli.app, ["batch", *map(str, args)], input=stdin, env={"COLUMNS": "160"})


def events() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(CHALLENGE.read_text())
    return loaded


def lines(of: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in of)


def order(order_id: str, customer: str = "anna", amount: str = "1.00 USD") -> dict[str, Any]:
    return {
        "type": "ORDER",
        "verb": "NEW",
        "key": order_id,
        "event_time": "2017-01-06T12:00:00Z",
        "customer_id": customer,
        "total_amount": amount,
    }


def test_the_challenge_gives_the_expected_ranking_to_the_cent() -> None:
    result = batch(CHALLENGE, "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert [{name: row[name] for name in EXPECTED["active"][0]} for row in rows] == EXPECTED["active"]


def test_on_the_basis_timeframe_all_customers_share_the_weeks_of_all_events() -> None:
    rows = json.loads(batch(CHALLENGE, "--json", "--basis", "timeframe").stdout)
    weeks = EXPECTED["timeframe_weeks"]
    by_spend = sorted(EXPECTED["active"], key=lambda row: -float(row["total_spend"]))
    assert [row["customer_id"] for row in rows] == [row["customer_id"] for row in by_spend]
    assert [row["ltv"] for row in rows] == [
        f"{520 * float(row['total_spend']) / weeks:.2f}" for row in by_spend
    ]


def test_output_is_the_list_of_the_original_problem_best_first(tmp_path: Path) -> None:
    out = tmp_path / "top.json"
    result = batch(CHALLENGE, "-o", out)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert json.loads(out.read_text()) == [{row["customer_id"]: row["ltv"]} for row in EXPECTED["active"]]


def test_a_dash_writes_the_list_to_standard_output() -> None:
    assert json.loads(batch(CHALLENGE, "-o", "-", "--top", "1").stdout) == [{"cy": "26000.00"}]


def test_output_and_json_write_full_rows_to_the_file(tmp_path: Path) -> None:
    out = tmp_path / "top.json"
    batch(CHALLENGE, "-o", out, "--json")
    assert json.loads(out.read_text())[0]["rank"] == 1


def test_the_table_shows_names_and_sums() -> None:
    output = batch(CHALLENGE).stdout
    assert "Ødegård" in output
    assert "26,000.00" in output
    assert "16 events, 4 customers, 4 orders, 232.34 USD revenue, 0 rejected" in output
    assert "3 weeks; basis active" in output


def test_top_limits_the_rows() -> None:
    assert len(json.loads(batch(CHALLENGE, "--json", "--top", "2").stdout)) == 2


def test_no_events_give_an_empty_ranking(tmp_path: Path) -> None:
    empty = tmp_path / "empty.ndjson"
    empty.touch()
    assert json.loads(batch(empty, "--json").stdout) == []
    assert "no events" in batch(empty).stdout


@pytest.mark.parametrize("name", ["events.json", "events.ndjson", "events.json.gz", "events.ndjson.gz"])
def test_every_file_format_gives_the_same_ranking(name: str, tmp_path: Path) -> None:
    content = lines(events()) if "ndjson" in name else CHALLENGE.read_bytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert batch(path, "--json").stdout == batch(CHALLENGE, "--json").stdout


def test_a_dash_reads_standard_input() -> None:
    assert batch("-", "--json", stdin=lines(events())).stdout == batch(CHALLENGE, "--json").stdout


def test_events_may_be_spread_over_files_in_any_order(tmp_path: Path) -> None:
    shuffled = events()
    random.Random(7).shuffle(shuffled)
    parts = [tmp_path / "a.ndjson", tmp_path / "b.ndjson.gz"]
    parts[0].write_bytes(lines(shuffled[:5]))
    parts[1].write_bytes(gzip.compress(lines(shuffled[5:])))
    assert batch(*parts, "--json").stdout == batch(CHALLENGE, "--json").stdout


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    path = tmp_path / "mixed.ndjson"
    invalid = b'{"type": "ORDER", "verb": "NEW"}\n', b"\xff\xfe\n", b'{"type": "PARTY"}\n'
    path.write_bytes(invalid[0] + lines([order("o1")]) + invalid[1] + invalid[2] + lines([order("o2")]))
    return path


def test_invalid_events_are_shown_and_counted_and_do_not_stop_the_run(mixed: Path) -> None:
    result = batch(mixed, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)[0]["total_spend"] == "2.00"
    assert f"{mixed}:1: missing_field: " in result.stderr
    assert f"{mixed}:3: undecodable: " in result.stderr
    assert f"{mixed}:4: unknown_type: type: " in result.stderr
    assert "3 invalid events: " in result.stderr
    assert "unknown_type 1" in result.stderr


def test_only_the_first_invalid_events_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "rubbish.ndjson"
    path.write_bytes(b"rubbish\n" * 1234)
    stderr = batch(path).stderr
    assert f"{path}:20: " in stderr
    assert f"{path}:21: " not in stderr
    assert "... and 1,214 more" in stderr


def test_strict_exits_with_3_after_doing_all_the_work(mixed: Path) -> None:
    result = batch(mixed, "--json", "--strict")
    assert result.exit_code == 3
    assert json.loads(result.stdout)[0]["orders"] == 2


def test_strict_exits_with_0_if_all_events_are_valid() -> None:
    assert batch(CHALLENGE, "--strict").exit_code == 0


def rejected(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_rejects_are_kept_with_where_they_stood_and_why(mixed: Path, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.ndjson"
    batch(mixed, "--rejects", rejects)
    first, second, third = rejected(rejects)
    original = mixed.read_bytes().splitlines()
    assert first == {
        "reason": "missing_field",
        "field": "key",
        "error": "this field is required",
        "file": str(mixed),
        "line": 1,
        "event": original[0].decode(),
    }
    assert b64decode(second["event_base64"]) == original[2]
    assert (second["reason"], second["line"], "event" in second) == ("undecodable", 3, False)
    assert (third["reason"], third["field"], third["line"]) == ("unknown_type", "type", 4)


def test_the_events_in_a_rejects_file_can_be_corrected_and_fed_again(mixed: Path, tmp_path: Path) -> None:
    rejects, again = tmp_path / "rejects.ndjson", tmp_path / "again.ndjson"
    batch(mixed, "--rejects", rejects)
    events = [each["event"] for each in rejected(rejects) if "event" in each]
    again.write_text("\n".join(events))
    batch(again, "--rejects", rejects)
    assert [each["event"] for each in rejected(rejects)] == events


@pytest.mark.parametrize("command", [[], ["-o", "top.json"], ["--json"]])
def test_an_output_onto_an_input_is_refused_before_anything_is_written(
    mixed: Path, tmp_path: Path, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = mixed.read_bytes()
    (tmp_path / "hard").hardlink_to(mixed)
    result = batch(CHALLENGE, mixed, "--rejects", "hard", *command)
    assert isinstance(result.exception, Fatal)
    assert "the output is the input" in str(result.exception)
    assert mixed.read_bytes() == before
    assert not (tmp_path / "top.json").exists()


def test_the_ranking_and_the_rejects_may_not_be_one_file(mixed: Path, tmp_path: Path) -> None:
    result = batch(mixed, "--rejects", tmp_path / "new", "-o", tmp_path / "new")
    assert "two outputs are one file" in str(result.exception)
    assert not (tmp_path / "new").exists()


def test_every_file_is_looked_at_before_the_first_one_is_read(mixed: Path, tmp_path: Path) -> None:
    (tmp_path / "utf16").write_bytes(lines([order("o")]).decode().encode("utf-16"))
    for bad in ("nowhere", "utf16"):
        result = batch(mixed, tmp_path / bad)
        assert bad in str(result.exception)
        assert result.output == ""


@pytest.mark.parametrize(
    ("content", "code"), [(b"rubbish\n", 3), (b"", 0), (b"rubbish\n" + lines([order("o")]), 0)]
)
def test_where_every_event_is_invalid_the_exit_code_says_so(
    tmp_path: Path, content: bytes, code: int
) -> None:
    path = tmp_path / "events"
    path.write_bytes(content)
    assert batch(path).exit_code == code


def test_one_of_a_kind_is_said_in_the_singular(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(b"rubbish\n" + lines([order("o")]))
    result = batch(path)
    assert "1 event, 1 customer, 1 order, 1.00 USD revenue, 1 rejected\n" in result.stdout
    assert "1 invalid event: undecodable 1\n" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    "command", ["batch - -o top.json --rejects out.ndjson", "generate 100000000 -o out.ndjson"]
)
def test_a_signal_ends_it_with_one_line_and_every_file_as_it_was(
    tmp_path: Path, command: str, number: signal.Signals
) -> None:
    out = tmp_path / "out.ndjson"
    out.write_bytes(b"before")
    with subprocess.Popen(
        [sys.executable, "-m", "ltv", *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(SAMPLES.parents[1])},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdin
        running.stdin.write(lines([order("o")]))
        running.stdin.flush()
        wait_for_temporary_file(tmp_path, running)
        running.send_signal(number)
        said = running.communicate(timeout=60)[1].decode()
    assert running.returncode == 130
    assert said.startswith("stopped: ")
    assert len(said.splitlines()) == 1
    assert out.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [out]


def wait_for_temporary_file(folder: Path, running: subprocess.Popen[bytes]) -> None:
    while not list(folder.glob(".ltv-*")):
        assert running.poll() is None


def test_a_rejected_element_of_an_array_takes_one_line(tmp_path: Path) -> None:
    path, rejects = tmp_path / "pretty.json", tmp_path / "rejects.ndjson"
    bad = {"type": "ORDER", "verb": "NEW", "key": "o"}
    path.write_text(json.dumps([order("o1"), bad], indent=2))
    batch(path, "--rejects", rejects)
    [line] = rejected(rejects)
    assert json.loads(line["event"]) == bad
    assert "\n" not in line["event"]


def test_text_of_a_file_cannot_control_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "evil.ndjson"
    path.write_bytes(lines([order("o1", customer="\x1b[31m[bold]red"), {"type": "\x1b]0;owned\x07"}]))
    result = batch(path)
    assert "\x1b" not in result.output
    assert r"\x1b[31m[bold]red" in result.stdout


def test_values_of_json_output_reach_a_pipe_as_utf_8() -> None:
    """In every locale: subscribers parse UTF-8."""
    command = [sys.executable, "-m", "ltv", "batch", str(CHALLENGE), "--json"]
    result = subprocess.run(
        command, capture_output=True, timeout=60, check=True, env={**os.environ, "LC_ALL": "C"}
    )
    assert "Ødegård" in result.stdout.decode()


HOSTILE = [*("=1+1", 'a"b', "x,y", "a\rb", "Ødegård", "a\0b", "null", ""), "\U0001f600"]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Orders of customers with odd ids and names; "" is a name only."""
    path = tmp_path / "hostile.ndjson"
    named = [
        {
            "type": "CUSTOMER",
            "verb": "NEW",
            "key": text or "unnamed",
            "last_name": text,
            "event_time": "2017-01-06T12:00:00Z",
        }
        for text in HOSTILE
    ]
    orders = [order("o", customer=text or "unnamed", amount="1000000000000000 USD") for text in HOSTILE[:3]]
    path.write_bytes(lines([*named, *orders]))
    return path


def full_rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(batch(path, "--json").stdout)
    return [{name: value for name, value in row.items() if name != "previous_rank"} for row in rows]


@pytest.mark.parametrize("name", ["top.csv", "top.csv.gz"])
def test_an_output_named_csv_has_full_rows_as_csv(hostile: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    assert batch(hostile, "-o", out).exit_code == 0
    data = gzip.decompress(out.read_bytes()) if name.endswith(".gz") else out.read_bytes()
    read = list(csv.DictReader(StringIO(data.decode(), newline="")))
    expected = full_rows(hostile)
    as_text = [
        {field: "" if value is None else str(value) for field, value in row.items()} for row in expected
    ]
    for row in as_text:
        for field in ("customer_id", "last_name"):
            row[field] = f"'{row[field]}" if row[field].startswith("=") else row[field]
    assert read == as_text
    assert len(read) == len(HOSTILE)


def test_an_output_named_parquet_has_full_rows_with_money_as_decimals(hostile: Path, tmp_path: Path) -> None:
    out = tmp_path / "top.parquet"
    assert batch(hostile, "-o", out).exit_code == 0
    with duckdb.connect() as db:
        found = db.read_parquet(str(out))
        read = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    money = ("ltv", "total_spend", "revenue_per_visit")
    assert [
        {name: str(value) if name in money and value is not None else value for name, value in row.items()}
        for row in read
    ] == full_rows(hostile)
    assert isinstance(read[0]["ltv"], Decimal)


def test_a_ranking_without_rows_has_its_columns_in_csv_and_parquet(tmp_path: Path) -> None:
    empty = tmp_path / "empty.ndjson"
    empty.write_bytes(b"")
    for name in ("top.csv", "top.parquet"):
        assert batch(empty, "-o", tmp_path / name).exit_code == 0
    assert (tmp_path / "top.csv").read_text().startswith("rank,customer_id,")
    with duckdb.connect() as db:
        assert db.read_parquet(str(tmp_path / "top.parquet")).fetchall() == []


@pytest.mark.parametrize("name", ["top.csv", "top.parquet"])
def test_json_into_a_file_of_another_name_is_refused(name: str, tmp_path: Path) -> None:
    assert batch(CHALLENGE, "--json", "-o", tmp_path / name).exit_code == 2
    assert list(tmp_path.iterdir()) == []
