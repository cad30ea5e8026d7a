"""Whoever may write to the events topic can't stop the consumer, fill its memory or mislead it: see hostile.py."""

import random
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, Literal

import pytest

from tests.faults import memory
from tests.faults.brokers import one_node
from tests.faults.codecs import GZIP, NONE, REFUSED
from tests.faults.harness import application
from tests.faults.hostile import ANY_RATIO, BLOWS, OPTIONS, PARTITIONS, Batch, customers, order
from tests.faults.invariants import hold
from tests.faults.raw_client import RawClient
from tests.faults.record_batches import RawRecord, record_batch
from tests.faults.strike import TOPIC, Target
from tests.faults.topics import Cluster
from tests.waiting import wait_until

MAX_PEAK_MIB: Final = 256
"""A worker's peak above its state."""

QUICK: Final = (
    "a key of 5 MB",
    "a key of 3.5 MB with a value of 0.9 MB",
    "header names that are not UTF-8, null values, forged headers of a dead letter",
    "20,000 customers in the years 1 and 9999",
    "the same over time, with ordinary visits between",
    "a value of 1 GB of blanks (zstd)",
    "150 events with 300,000 tags each, in batches of 54 MB",
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
    target.start()
    shuffled = list(names)
    random.Random(target.app.seed).shuffle(shuffled)
    for name in shuffled:
        print("blow:", name)
        struck = target.strike(BLOWS[name]())
        above_state_mib = struck.peak_mib - max(0.0, struck.restarted_mib)
        assert above_state_mib <= MAX_PEAK_MIB, f"{name}: {above_state_mib:.0f} MiB above its state"
    hold(target.app, events=target.written)


@needs_proc
def test_blows_of_every_kind_leave_the_consumer_at_work_within_its_memory_and_exact(target: Target) -> None:
    survives(target, QUICK)


@needs_proc
@pytest.mark.faults_full
def test_all_blows_leave_the_consumer_at_work_within_its_memory_and_exact(target: Target) -> None:
    survives(target, [name for name in BLOWS if name not in OPTIONS])


@needs_proc
@pytest.mark.faults_full
@pytest.mark.parametrize("name", OPTIONS)
def test_a_blow_that_needs_an_option_is_survived_with_it(
    servers: str, tmp_path: Path, seed: int, name: str
) -> None:
    with (
        application(servers, tmp_path, seed, **TOPIC) as app,
        closing(Target(app, *OPTIONS[name])) as target,
    ):
        survives(target, [name])


def test_more_invalid_events_than_valid_ones_stop_a_consumer_with_the_default_ratio(target: Target) -> None:
    target.start()
    target.send([Batch(0, [RawRecord(None, b"1")] * 2_000, GZIP)])
    ended = target.worker.wait()
    assert (ended.code, ended.last_line.startswith("ltv: ")) == (1, True), ended.log[-3000:]
    assert ANY_RATIO[0] in ended.last_line


COMPACTED: Final = {
    "partitions": PARTITIONS,
    "cleanup_policy": "compact",
    "segment_ms": "1000",
    "min_cleanable_dirty_ratio": "0.01",
}
HEADERS: Final = ((b"\xff\xfe", b"\xff"),)


def compactable() -> Iterator[Batch]:
    """Batches of one partition, each in a segment of its own: compaction leaves some with holes, some empty."""
    one, two, three = customers("compacted", 3)
    invalid = RawRecord(b"k", b"no JSON", headers=HEADERS)
    rounds: list[tuple[list[RawRecord], Literal["", "commit", "abort"]]] = [
        ([order(one, 1), invalid, order(two, 2), order(three, 3)], ""),
        ([order(one, 4), invalid], "commit"),
        ([order(three, 5), order(one, 6), order(one, 7), invalid._replace(key=b"l"), order(one, 8)], ""),
        ([order(two, 9), invalid], "abort"),
        ([invalid, order(customers("compacted", 4)[3], 10)], "commit"),
        ([order(customers("compacted", 5)[4], 11)], ""),
    ]
    now_ms = int(time.time() * 1000)
    for i, (records, end) in enumerate(rounds):
        yield Batch(0, records, GZIP, {"timestamp_ms": now_ms + i * 10_000}, end)


@pytest.mark.faults_full
def test_holes_and_empty_batches_that_compaction_leaves_are_no_loss(tmp_path: Path, seed: int) -> None:
    with (
        one_node({"log.cleaner.backoff.ms": "200"}) as broker,
        application(broker.bootstrap_servers, tmp_path, seed, **COMPACTED) as app,
        closing(Target(app)) as target,
    ):
        target.send(compactable())
        newest = {record.key: record for record in target.written}
        places = {(record.partition, record.offset) for record in newest.values()}
        wait_until(lambda: app.cluster.places(app.events) == places, "the topic is compacted")
        target.start()
        app.wait_for(len(places), target.worker)
        hold(app, events=list(newest.values()))


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
