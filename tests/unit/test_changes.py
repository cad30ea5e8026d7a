"""CONTRIBUTING's steps for a change work: each is made on a copy of the tree, by a patch that has these steps.

If a patch doesn't apply any more: make the change by hand on a copy, and save `git diff -U1 --no-renames`.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from contract import native_core
from tests.unit.test_docs import ROOT, files_in_git

PATCHES = ROOT / "tests" / "samples" / "changes"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


class Change(NamedTuple):
    """A change of CONTRIBUTING."""

    title: str
    patch: str
    program: str
    """Fails unless the change is there."""
    tests: tuple[str, ...]
    """They hold for the changed tree."""


EVENT_TYPE = Change(
    "Add an event type",
    "event_type.patch",
    """
import msgspec

from tests.unit.fake_cluster import FakeCluster
from tests.unit.test_session import Worker, due_for_a_snapshot
from verification.event_check import counted_event

reviews = [
    b'{"type":"REVIEW","verb":"NEW","key":"r%d","event_time":"2026-01-%02dT00:00:00Z","customer_id":"c"}' % (day, day)
    for day in (5, 6, 15)
]
assert [counted_event(review).type for review in reviews] == ["REVIEW"] * 3
cluster = FakeCluster(1)
worker = Worker(cluster).run(0)
cluster.events[0] = [(b"c", review) for review in reviews]
worker.step_until_committed()
assert worker.metric("ltv_events_total", type="REVIEW") == 3
assert worker.metric("ltv_customers") == 1
due_for_a_snapshot(worker)
snapshot = msgspec.json.decode(cluster.values(cluster.topics.snapshots)[-1])
assert [(row["customer_id"], row["weeks"]) for row in snapshot["rows"]] == [("c", 2)]
""",
    ("test_schemas.py", "test_metrics.py", "test_events.py::test_unknown_extra_fields_are_ignored"),
)
METRIC = Change(
    "Add a metric",
    "metric.patch",
    """
from tests.unit.fake_cluster import FakeCluster
from tests.unit.test_session import Worker

worker = Worker(FakeCluster(2)).run(0, 1)
assert worker.metric("ltv_restores_total") == 2
""",
    ("test_metrics.py", "test_grafana_board.py"),
)
SNAPSHOT_FIELD = Change(
    "Add a field to the snapshot",
    "snapshot_field.patch",
    """
from consumer.domain import Aggregate, ingest, top_x_simple_ltv_customers

state = Aggregate()
for key, amount in (("1", "1.00 USD"), ("2", "2.50 USD")):
    ingest(
        {
            "type": "ORDER", "verb": "NEW", "key": key, "event_time": "2026-01-05T00:00:00Z",
            "customer_id": "c", "total_amount": amount,
        },
        state,
    )
[row] = top_x_simple_ltv_customers(1, state)
assert row.spend_per_order == "1.75"
""",
    (
        "test_schemas.py",
        "test_stored_snapshots.py",
        "test_ingest.py::test_the_ranking_equals_that_of_a_slow_recomputation",
        "test_verification.py::test_recomputation_oracle_and_domain_agree_on_every_figure",
    ),
)
CHANGES = [EVENT_TYPE, METRIC, SNAPSHOT_FIELD]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.title)
def test_the_steps_name_every_file_that_the_change_edits(change: Change) -> None:
    steps = CONTRIBUTING.split(f"\n### {change.title}\n")[1].split("\n#")[0]
    patch = (PATCHES / change.patch).read_text()
    edited = set(re.findall(r"^--- a/(.*)$", patch, re.MULTILINE))
    assert f"tests/samples/changes/{change.patch}" in steps
    assert [path for path in sorted(edited) if f"`{path}`" not in steps] == []
    assert len(re.findall(r"^\d\. ", steps, re.MULTILINE)) == 5


@pytest.mark.parametrize("native", ["0", "1"])
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.title)
def test_the_steps_make_the_change(change: Change, native: str, tmp_path: Path) -> None:
    if native == "1" and native_core.core is None:
        pytest.skip("the native core is not installed (make native)")
    for name in files_in_git():
        if (ROOT / name).is_file():
            copy = tmp_path / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    run(tmp_path, native, "git", "apply", str(PATCHES / change.patch))
    run(tmp_path, native, sys.executable, "-m", "contract.schemas")
    run(tmp_path, native, sys.executable, "-c", change.program)
    if native == "0":
        tests = [f"tests/unit/{each}" for each in change.tests]
        run(tmp_path, native, sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", *tests)


def run(directory: Path, native: str, *command: str) -> None:
    """Run a command in a copy of the tree, which hides the installed one."""
    environment = {**os.environ, "LTV_NATIVE": native, "PYTHONPATH": str(directory)}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
