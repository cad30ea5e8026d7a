"""Whoever may write to the events topic can't stop the consumer, fill its memory or mislead it: see hostile.py."""

import random
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.faults import memory
from tests.faults.codecs import GZIP, NONE, REFUSED
from tests.faults.harness import application
from tests.faults.hostile import BLOWS
from tests.faults.invariants import hold
from tests.faults.raw_client import RawClient
from tests.faults.record_batches import RawRecord, record_batch
from tests.faults.strike import TOPIC, Target
from tests.faults.topics import Cluster

MAX_PEAK_MIB: Final = 256
"""A worker's peak above its state."""

QUICK: Final = (
    "a key of 5 MB",
    "a key of 3.5 MB with a value of 0.9 MB",
    "header names that are not UTF-8",
    "20,000 customers in the years 1 and 9999",
    "the same over time, with ordinary visits between",
    "a value of 1 GB of blanks (zstd)",
    "150 events with 300,000 tags each, in one batch",
    "150 events with 300,000 tags each, in batches of 54 MB",
    "invalid events of a third, 630 MB, in one batch",
    "invalid events of a third, 630 MB, in batches of 60 MB",
)
"""One blow at least of every row of the table in docs/threat-model.md."""

needs_proc = pytest.mark.skipif(not memory.is_measurable(), reason="needs Linux's /proc to measure memory")


@pytest.fixture
def target(servers: str, tmp_path: Path, seed: int) -> Iterator[Target]:
    with application(servers, tmp_path, seed, **TOPIC) as app, closing(Target(app)) as target:
        yield target


def survives(target: Target, names: Iterable[str]) -> None:
    """Strike the consumer with these blows in random order; check its memory after each, the invariants at the end."""
    order = list(names)
    random.Random(target.app.seed).shuffle(order)
    for name in order:
        print("blow:", name)
        struck = target.strike(BLOWS[name]())
        assert struck.peak_mib <= MAX_PEAK_MIB, f"{name}: {struck.peak_mib:.0f} MiB above the idle worker"
    hold(target.app, events=target.written)


@needs_proc
def test_blows_of_every_kind_leave_the_consumer_at_work_within_its_memory_and_exact(target: Target) -> None:
    survives(target, QUICK)


@needs_proc
@pytest.mark.faults_full
def test_all_blows_leave_the_consumer_at_work_within_its_memory_and_exact(target: Target) -> None:
    survives(target, BLOWS)


@pytest.fixture(scope="module")
def refusing(servers: str) -> Iterator[tuple[RawClient, str]]:
    """A connection, and a topic with the broker's defaults."""
    name = "refusing"
    with closing(Cluster(servers)) as cluster, closing(RawClient(servers)) as client:
        cluster.create(name, 1)
        yield client, name
        cluster.delete(name)


ONE: Final = [RawRecord(b"k", b"v")]
LIES: Final[dict[str, bytes]] = {
    "more records than there are": record_batch(ONE, GZIP, count=2),
    "fewer records than there are": record_batch(ONE * 2, GZIP, count=1),
    "a billion records": record_batch(ONE, GZIP, count=10**9),
    "a header without a name": record_batch([RawRecord(b"k", b"v", headers=[(None, b"h")])], NONE),
    "a timestamp two hours ahead": record_batch(ONE, NONE, timestamp_ms=2**62),
    **{name: record_batch(ONE, codec) for name, codec in REFUSED.items()},
}


@pytest.mark.parametrize("lie", LIES)
def test_the_broker_refuses_a_batch_that_lies(refusing: tuple[RawClient, str], lie: str) -> None:
    client, topic = refusing
    assert client.produce(topic, 0, LIES[lie]).error != 0
