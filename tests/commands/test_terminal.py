"""On a terminal nothing from outside acts as a control character, and JSON stays the same JSON."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal import on_terminal, python_on_terminal

HARMFUL = "\x1b]0;t\x07\x9b2J\x7f\u202e\u2066\u2028"
RICH = re.compile(r"\r?\x1b\[[0-9;?]*[a-zA-Z]|\r\n")
"""Rich's own control sequences, and the terminal's line ends."""


def assert_harmless(shown: str) -> None:
    left = RICH.sub("", shown)
    assert [char for char in left if not char.isprintable() and char != "\n"] == []


def event(customer: str, amount: str = "5.00 USD") -> str:
    return json.dumps(
        {
            "type": "ORDER",
            "verb": "NEW",
            "key": "o1",
            "event_time": "2026-01-01T00:00:00Z",
            "customer_id": customer,
            "total_amount": amount,
        },
        ensure_ascii=False,
    )


@pytest.fixture
def events(tmp_path: Path) -> str:
    """A valid and an invalid event with harmful characters, in a file with a harmful name."""
    path = tmp_path / f"events{HARMFUL}.ndjson"
    path.write_text(event(f"c{HARMFUL}") + "\n" + event("c2", f"a{HARMFUL}") + "\n")
    return str(path)


def test_a_table_and_messages_are_harmless(events: str) -> None:
    shown = on_terminal("batch", events)
    assert_harmless(shown)
    assert r"c\x1b]0;t\x07\x9b2J" in shown
    assert r"events\x1b]0;t\x07" in shown


@pytest.mark.parametrize("name", ["[link=evil.example]x", "[red]x"])
def test_the_name_of_a_file_is_no_markup_of_the_progress_bar(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(event("c") + "\n")
    assert name in on_terminal("batch", str(path))


def test_an_invalid_event_is_shown_on_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "bad.ndjson"
    path.write_text("{}\n[]\n")
    shown = on_terminal("batch", str(path))
    before = re.findall(rf"(.{{4}}){re.escape(str(path))}:\d: ", shown, re.DOTALL)
    assert len(before) == 2
    assert [each for each in before if each != "\x1b[2K" and not each.endswith("\n")] == []


def test_a_message_is_broken_between_words_on_a_terminal(tmp_path: Path) -> None:
    shown = on_terminal("batch", "no/such/file.ndjson", columns=24, folder=tmp_path)
    assert shown == "ltv: \r\nno/such/file.ndjson: No \r\nsuch file or directory\r\n"


def test_json_on_a_terminal_is_escaped_and_the_same_json_and_in_a_pipe_the_same_bytes(
    events: str, tmp_path: Path
) -> None:
    shown = on_terminal("batch", events, "--json", output="stdout")
    assert_harmless(shown)
    piped = subprocess.run(
        [sys.executable, "-m", "ltv", "batch", events, "--json"], capture_output=True, check=True
    )
    assert json.loads(shown) == json.loads(piped.stdout)
    assert json.loads(shown)[0]["customer_id"] == f"c{HARMFUL}"
    assert "\u202e".encode() in piped.stdout


@pytest.mark.parametrize("out", ["-", "/dev/stdout"])
def test_rejects_on_a_terminal_are_the_same_json(events: str, out: str, tmp_path: Path) -> None:
    shown = on_terminal("batch", events, "-o", str(tmp_path / "top.json"), "--rejects", out, output="stdout")
    assert_harmless(shown)
    reject = json.loads(shown)
    assert json.loads(reject["event"])["total_amount"] == f"a{HARMFUL}"


def test_generated_rubbish_on_a_terminal_is_harmless() -> None:
    shown = on_terminal("generate", "2000", "--rubbish", "1", "-o", "-")
    assert_harmless(shown)
    assert shown.count("\n") > 1_000


@pytest.mark.parametrize(
    "arguments",
    [
        ["batch", HARMFUL],
        ["batch", "x", "--top", HARMFUL],
        ["batch", "x", f"--{HARMFUL}"],
        [HARMFUL],
        ["top", "--at", HARMFUL],
        ["top", "--prefix", HARMFUL],
        ["consume", "--group", HARMFUL],
        ["consume", "--bootstrap-servers", HARMFUL],
        ["consume", "--transport", HARMFUL],
        ["dead-letters", "list", "--reason", HARMFUL],
        ["generate", "1", "-o", f"{HARMFUL}.txt"],
        ["topics", "create", "--events-topic", HARMFUL],
        ["broker", "start", "--port", HARMFUL],
        ["publish", HARMFUL, "--rejects", HARMFUL],
        ["batch", f"two\nltv: lines{HARMFUL}"],
    ],
    ids=lambda arguments: " ".join(arguments).encode("unicode_escape").decode(),
)
def test_an_error_is_one_harmless_line(arguments: list[str], tmp_path: Path) -> None:
    shown = on_terminal(*arguments, folder=tmp_path)
    assert_harmless(shown)
    lines = [line for line in shown.splitlines() if STARTED not in line]
    assert len(lines) == 1
    assert lines[0].startswith("ltv: ")


STARTED = "started"
"""The first line of a consumer's log."""

LOG = f"""
import logging, structlog
from consumer import logs
logs.configure()
structlog.get_logger().warning("waiting", cause={HARMFUL!r}, partitions=[1], names=[{HARMFUL!r}])
logging.getLogger("kafka").critical("no answer from %s", {HARMFUL!r})
"""


def test_a_log_is_harmless_on_a_terminal_and_as_json() -> None:
    shown = python_on_terminal("-c", LOG)
    assert_harmless(shown)
    assert shown.count("\n") == 2
    piped = subprocess.run([sys.executable, "-c", LOG], capture_output=True, check=True).stderr.decode()
    assert_harmless(piped)
    logged = json.loads(piped.splitlines()[0])
    assert_harmless(logged["cause"])
    assert logged["partitions"] == [1]
