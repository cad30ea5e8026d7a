"""`ltv report --from-topic` counts what the consumer counts."""

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.application import DEADLINE_S, shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.rubbish import RUBBISH

SMALL = [(key, value) for key, value, _ in RUBBISH if len(value or b"") < 1_000]


def test_the_pictures_of_a_topic_leave_out_the_dead_letters_of_the_consumer(
    new_topic: NewTopic, new_application: NewApplication, tmp_path: Path
) -> None:
    topic = new_topic(shop(500, seed=1) + SMALL)
    application = new_application(topic)
    application.plain.send(topic, shop(30, seed=2, customers=6), partition=1)
    totals = application.backfill()["totals"]
    assert totals["dead_letters"] > len(SMALL)
    page = tmp_path / "report.html"
    done = subprocess.run(
        [sys.executable, "-m", "ltv", "report", "--from-topic", "--events-topic", topic, "-o", str(page)],
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": application.plain.servers},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    revenue = f"{float(totals['revenue']):,.2f}"
    text = page.read_text()
    assert f"{totals['events']:,} events of {totals['customers']:,} customers over" in text
    assert f"revenue {revenue} USD; {totals['dead_letters']:,} invalid events left out" in text
