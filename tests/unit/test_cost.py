"""The cost of an event, counted and not timed: the calls to Python and C functions that the hot path makes for it.

If you change the path, these figures change, on any machine. If the change is intended, or the path became shorter,
enter the new figure; `make bench` measures it in seconds.
"""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from cluster.settings import Cluster
from consumer.settings import Settings
from consumer.stream.partition import Partition
from consumer.stream.transport import Polled
from consumer.stream.transport.records import Records
from contract.topics import Topics
from producer.delivery import generated

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
    read: list[Records] = []
    sent: list[bytes] = []
    steps: dict[str, Callable[[], object]] = {
        "read": lambda: read.append(Records(DefaultRecordBatch(batch))),
        "ingest": lambda: partition.ingest(
            Polled(0, read[0].offsets, read[0].keys, read[0].values, read[0].timestamps_ms)
        ),
        "commit": lambda: [partition.write_changes(sent.append, whole=False), partition.partial()],  # type: ignore[func-returns-value]
    }
    found = {step: calls(run) / EVENTS for step, run in steps.items()}
    expected = {"read": 5.0, "ingest": 6.29, "commit": 1.51}
    assert partition.aggregate.events == EVENTS
    assert found == pytest.approx(expected, rel=TOLERANCE)
