"""The port of a publishing command serves the counts of the publisher and of the invalid events."""

import urllib.request
from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from broker.readiness import free_port
from consumer.metric_catalogue import PUBLISHER_METRICS
from ltv.publisher_port import serve_publisher
from producer.publisher import Publisher
from tests.unit.test_publish import FakeClient


def served(port: int) -> dict[tuple[str, str], float]:
    """(name, reason) -> value; the metrics of the process are left out."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    samples = [sample for family in families for sample in family.samples]
    assert any(sample.name.startswith("process_") for sample in samples)
    return {
        (sample.name, sample.labels.get("reason", "")): sample.value
        for sample in samples
        if not sample.name.startswith("process_")
    }


def test_the_counts_are_those_of_the_moment_of_the_scrape() -> None:
    target, invalid, port = Publisher(FakeClient(answers=2), "t"), Counter[str](), free_port()
    serve_publisher(target, invalid, "127.0.0.1", port)
    assert served(port)["ltv_publisher_sent_total", ""] == 0
    for _ in range(3):
        target.send(b"c", b"v")
    invalid["empty"] += 2
    found = served(port)
    assert found["ltv_publisher_sent_total", ""] == 3
    assert found["ltv_publisher_delivered_total", ""] == 2
    assert found["ltv_publisher_failed_total", ""] == 0
    assert found["ltv_publisher_invalid_total", "empty"] == 2
    assert found["ltv_publisher_invalid_total", "oversize"] == 0
    assert {name for name, _ in found} == {entry.name for entry in PUBLISHER_METRICS}
