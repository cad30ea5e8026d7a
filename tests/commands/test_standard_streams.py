"""Closed and full standard streams, early leavers: one plain line at most, always the same exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LTV = f"{sys.executable} -m ltv"
CHALLENGE = Path(__file__).parents[1] / "samples" / "challenge.json"
PRINTING = [
    f"batch {CHALLENGE}",
    f"batch {CHALLENGE} --json",
    f"batch {CHALLENGE} -o - --rejects /dev/null",
    "generate 3000 -o -",
    "--help",
    "batch --help",
    "--version",
]


def run(command: str) -> tuple[int, list[str]]:
    """Exit code and standard error's lines of a shell's command."""
    done = subprocess.run(
        ["bash", "-c", f"{LTV} {command}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.decode().splitlines()


@pytest.mark.parametrize("command", PRINTING)
@pytest.mark.parametrize("redirection", [">&-", pytest.param("> /dev/full", id="full")])
def test_an_output_that_cannot_be_written_is_one_line_and_exit_code_1(command: str, redirection: str) -> None:
    if not Path("/dev/full").exists() and "full" in redirection:
        pytest.skip("only Linux has a disk that is always full")
    code, said = run(f"{command} {redirection}")
    assert code == 1
    assert [line.partition(": ")[0] for line in said] == ["ltv"]
    assert "standard output: " in said[0]


@pytest.mark.parametrize("command", ["batch -", "publish -"])
def test_an_input_that_is_closed_is_one_line_and_exit_code_1(command: str) -> None:
    code, said = run(
        f"{command} --bootstrap-servers localhost:1 <&-" if "publish" in command else f"{command} <&-"
    )
    assert (code, len(said)) == (1, 1)


def test_a_command_that_needs_no_standard_stream_does_without(tmp_path: Path) -> None:
    out = tmp_path / "top.json"
    assert run(f"batch {CHALLENGE} -o {out} <&- >&- 2>&-") == (0, [])
    assert out.read_bytes().startswith(b"[\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_where_nothing_can_be_said_the_exit_code_says_it() -> None:
    assert run(f"batch {CHALLENGE} -o - 2> /dev/full") == (1, [])
    assert run("batch nowhere 2> /dev/full") == (1, [])
    assert run("batch nowhere 2>&-") == (1, [])


def left_early(arguments: list[str]) -> tuple[int, bytes]:
    """Exit code and standard error of a command whose output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ltv", *arguments],
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "command", [*PRINTING, "generate 100000000 -o -", f"batch {CHALLENGE} -o /dev/stdout"]
)
def test_a_reader_that_leaves_early_ends_it_quietly_with_0(command: str) -> None:
    assert left_early(command.split()) == (0, b"")


def test_a_reader_that_leaves_early_does_not_hide_invalid_events(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(b"rubbish\n")
    code, said = left_early(["batch", str(path)])
    assert code == 3
    assert b"1 invalid event: undecodable 1" in said
