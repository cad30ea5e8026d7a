"""From a simulated shop to the ranking through the `ltv` command alone: over Kafka, and from a file."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.application import DEADLINE_S

EVENTS = 5_000
Ltv = Callable[..., str]


@pytest.fixture
def ltv(kafka: str, tmp_path: Path) -> Ltv:
    """Runs a command as a user does, in its own directory and with its own topics; returns its output."""
    name = f"shop-{uuid4().hex[:8]}"
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "LTV_EVENTS_TOPIC": f"{name}.events",
        "LTV_PREFIX": name,
    }

    def run(*arguments: str) -> str:
        result = subprocess.run(
            [sys.executable, "-m", "ltv", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
        assert result.returncode == 0, f"{arguments}: {result.stdout}{result.stderr}"
        return result.stdout

    return run


def without_previous_ranks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "previous_rank"} for row in rows]


def test_kafka_and_the_file_agree_on_the_ranking_and_on_what_is_invalid(ltv: Ltv, tmp_path: Path) -> None:
    ltv("topics", "create", "--partitions", "3")
    disorder = ("--disorder", "0.3", "--duplicates", "0.05", "--rubbish", "0.03")
    ltv("generate", str(EVENTS), "--seed", "7", *disorder, "-o", "events.ndjson.gz")
    ltv("publish", "events.ndjson.gz", "--as-is")
    ltv("consume", "--until-end", "--workers", "2", "--top", "25", "--instance-id", "end-to-end")
    snapshot = json.loads(ltv("top", "--json"))
    letters = [
        json.loads(line) for line in ltv("dead-letters", "list", "--json", "--limit", "0").splitlines()
    ]

    ranking = json.loads(
        ltv("batch", "events.ndjson.gz", "--json", "--top", "25", "--rejects", "rejects.ndjson")
    )
    rejects = (tmp_path / "rejects.ndjson").read_bytes().splitlines()
    assert without_previous_ranks(snapshot["rows"]) == without_previous_ranks(ranking)
    assert len(ranking) == 25
    assert (snapshot["coverage"]["complete"], len(snapshot["coverage"]["partitions"])) == (True, 3)
    assert snapshot["totals"]["events"] + snapshot["totals"]["dead_letters"] == EVENTS
    assert len(letters) == snapshot["totals"]["dead_letters"] == len(rejects) > 0
    assert "wrong_key" not in Counter(letter["reason"] for letter in letters)
