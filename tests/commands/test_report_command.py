"""`ltv report` as its users run it, on files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHALLENGE = Path(__file__).parents[1] / "samples" / "challenge.json"


def report(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ltv", "report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_files_become_one_page(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = report(CHALLENGE, "-o", page)
    assert (done.returncode, done.stderr) == (0, f"16 events of 4 customers in pictures: {page}\n")
    assert page.read_text().count("<svg ") == 6
    assert report(CHALLENGE, "-o", "-").stdout.count("<svg ") == 6


@pytest.mark.parametrize("arguments", [(), (CHALLENGE, "--from-topic")])
def test_either_files_or_the_topic_are_wanted(arguments: tuple[object, ...], tmp_path: Path) -> None:
    done = report(*arguments, "-o", tmp_path / "report.html")
    assert done.returncode == 2
    assert "give files of events, or --from-topic" in done.stderr


def test_the_page_can_not_take_the_place_of_its_events(tmp_path: Path) -> None:
    events = tmp_path / "events.json"
    events.write_bytes(CHALLENGE.read_bytes())
    done = report(events, "-o", events)
    assert done.returncode == 1
    assert events.read_bytes() == CHALLENGE.read_bytes()


def test_a_stopped_report_says_that_nothing_was_written(tmp_path: Path) -> None:
    pipe, page = tmp_path / "events", tmp_path / "report.html"
    os.mkfifo(pipe)
    running = subprocess.Popen(
        [sys.executable, "-m", "ltv", "report", str(pipe), "-o", str(page)], stderr=subprocess.PIPE, text=True
    )
    try:
        # It opens once the command reads it, with the signals handled.
        with pipe.open("wb", buffering=0):
            running.terminate()
            _, error = running.communicate(timeout=60)
    finally:
        running.kill()
    assert (running.returncode, error, page.exists()) == (130, f"stopped: {page} was not written\n", False)
