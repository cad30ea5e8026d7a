"""The programs of examples/subscribers show what is on the topic."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which

import pytest

from contract.access_token import AccessToken
from tests.dashboard_stage import KnownCustomers, customer, row, stage
from tests.dashboard_stage import snapshot as made_snapshot
from tests.integration.application import Plain, shop
from tests.integration.conftest import NewApplication, NewTopic

EXAMPLES = Path(__file__).parents[2] / "examples" / "subscribers"


@contextmanager
def lines_of(*command: str) -> Iterator[Iterator[str]]:
    """The lines that a program prints, until the block ends."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield iter(process.stdout)
        finally:
            process.kill()


def test_the_python_example_prints_each_new_snapshot(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    events = shop(300, seed=81)
    application = new_application(new_topic(events))
    instance = application.start("one")
    application.wait_for_events(len(events), instance)
    topic = f"{application.prefix}.snapshots"
    with lines_of(sys.executable, str(EXAMPLES / "snapshots.py"), plain.servers, topic) as lines:
        sequence, is_complete = next(lines).split()
        rows = [next(lines).split() for _ in range(10)]
        following, _ = next(lines).split()
    [snapshot] = [each for each in application.snapshots() if each["sequence"] == int(sequence)]
    assert is_complete == ("complete" if snapshot["coverage"]["complete"] else "incomplete")
    assert rows == [[str(row["rank"]), row["ltv"], ascii(row["customer_id"])] for row in snapshot["rows"]]
    assert int(following) == int(sequence) + 1


def node_with_event_source() -> list[str]:
    """The command of a Node that has EventSource; skips the test where there is none."""
    for command in (["node"], ["node", "--experimental-eventsource"]):
        with suppress(OSError):
            done = subprocess.run(
                [*command, "-e", "new EventSource('http://localhost').close()"], capture_output=True
            )
            if done.returncode == 0:
                return command
    pytest.skip("no Node with EventSource: it needs 20.18, 22.3 or newer")


SNAPSHOT = made_snapshot(7, row(1, "first", "100.00"))


def test_the_javascript_example_prints_each_new_snapshot() -> None:
    command = node_with_event_source()
    with stage() as served:
        served.publish(SNAPSHOT)
        address = f"http://127.0.0.1:{served.port}"
        with lines_of(*command, str(EXAMPLES / "stream.mjs"), address) as lines:
            assert next(lines) == "7 complete first 0.00\n"
            served.publish(made_snapshot(8))
            assert next(lines) == "8 complete nobody yet\n"


@pytest.mark.skipif(which("curl") is None, reason="no curl")
@pytest.mark.parametrize("secret", ["", "a-secret-of-many-characters"])
def test_the_shell_example_prints_the_newest_snapshot_and_a_customer(secret: str) -> None:
    token = AccessToken(secret) if secret else None
    with stage(customers=KnownCustomers(customer("a/b")), token=token) as served:
        served.publish(SNAPSHOT)
        done = subprocess.run(
            ["sh", str(EXAMPLES / "latest.sh"), f"http://127.0.0.1:{served.port}", "a%2Fb"],
            capture_output=True,
            text=True,
            env={**os.environ, "LTV_ACCESS_TOKEN": secret},
        )
    assert done.returncode == 0, done.stderr
    *_, ranked, detail = done.stdout.splitlines()
    assert ranked.startswith("7,2026-01-01T00:00:00Z,true,1,,first,")
    assert json.loads(detail)["customer_id"] == "a/b"
