"""The cost of an event, counted and not timed: the calls to Python and C functions that the hot path makes for it.

If you change the path, these figures change, on any machine. If the change is intended, or the path became shorter,
enter the new figure; `make bench` measures it in seconds.
"""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from cluster.record_batch import Chunk, RecordBatch, UnreadableBatch
from cluster.settings import Cluster
from consumer.settings import Settings
from consumer.stream.partition import Partition
from contract.topics import Topics
from producer.delivery import generated

pytestmark = pytest.mark.usefixtures("pure_python")

EVENTS = 5_000
TOLERANCE = 0.05
"""Python versions differ by less than this: from 3.12 on, a comprehension is not a call."""


def calls(run: Callable[[], object]) -> int:
    """The number of calls that `run` makes."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return count


@pytest.fixture(scope="module")
def batch() -> bytes:
    """A record batch of a generated shop, without faults."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 24)
    for offset, event in enumerate(generated(EVENTS, 1, customers=1_000)):
        assert builder.append(offset, 0, event.customer_id.encode(), event.value, [])
    return bytes(builder.build())


def test_an_event_takes_no_more_and_no_fewer_calls_than_noted_here(batch: bytes) -> None:
    partition = Partition(0, Settings(Cluster(bootstrap_servers="nowhere:1"), Topics()), 1)
    chunks: list[Chunk | UnreadableBatch] = []
    sent: list[bytes] = []
    steps: dict[str, Callable[[], object]] = {
        "read": lambda: chunks.extend(RecordBatch(DefaultRecordBatch(batch), 0, 1 << 24).parts()),
        "ingest": lambda: [partition.ingest(chunk) for chunk in chunks],  # type: ignore[func-returns-value]
        "commit": lambda: [partition.write_changes(sent.append, rewrites=False), partition.partial()],  # type: ignore[func-returns-value]
    }
    found = {step: calls(run) / EVENTS for step, run in steps.items()}
    expected = {"read": 5.0, "ingest": 7.03, "commit": 1.51}
    assert partition.state.totals().events == EVENTS
    assert found == pytest.approx(expected, rel=TOLERANCE)
