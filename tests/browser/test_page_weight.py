"""What the page weighs, and when it shows the ranking, as `make bench-page` measures it."""

import json
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser

MOST_KB = 100


def test_the_whole_page_weighs_less_than_100_kb_and_the_time_to_its_ranking_is_measured(
    browser: Browser, tmp_path: Path
) -> None:
    assert browser.is_connected()
    out = tmp_path / "page.json"
    subprocess.run([sys.executable, "-m", "benchmarks.page", "--runs", "1", "--out", str(out)], check=True)
    figures = json.loads(out.read_text())
    assert 0 < figures["weight"]["sent_kb"] < MOST_KB
    assert figures["weight"]["sent_kb"] < figures["weight"]["unpacked_kb"]
    assert all(0 < run["ranking_ms"] <= run["slowest_ms"] for run in figures["runs"])
