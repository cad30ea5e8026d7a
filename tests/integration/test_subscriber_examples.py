"""The programs of examples/subscribers show what is on the topic."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
