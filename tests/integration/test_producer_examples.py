"""What the programs of examples/producers send is counted, and none of it is a dead letter."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.application import Plain
from tests.integration.conftest import NewApplication, NewTopic

EXAMPLES = Path(__file__).parents[2] / "examples" / "producers"


@pytest.mark.parametrize(
    ("program", "customer"), [("with_kafka_python.py", "anna"), ("with_librdkafka.py", "bo")]
)
def test_its_events_are_counted(
    program: str, customer: str, plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic([])
    command = [sys.executable, str(EXAMPLES / program), plain.servers, topic]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "4 events delivered\n", done.stderr
    application = new_application(topic)
    application.wait_for_events(4, application.start("one"))
    [row] = application.snapshots()[-1]["rows"]
    assert (row["customer_id"], row["total_spend"], row["visits"]) == (customer, "12.34", 1)
