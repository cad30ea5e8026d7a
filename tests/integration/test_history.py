"""Reading earlier snapshots; and a series that continues even if records of its topic are deleted."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaProducer, TopicPartition

from cluster.log_reader import LogReader
from cluster.settings import Cluster
from contract.errors import Fatal
from contract.topics import SNAPSHOT_KEY, Topics
from subscriber.feed import newest_snapshot
from subscriber.history import snapshot_at_time, snapshot_of_sequence, snapshots_since
from tests.integration.application import Application, Ended, Plain, assert_series, shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.test_reader import snapshot

FIRST, LAST = 41, 190


@pytest.fixture(scope="module")
def topics(plain: Plain) -> Topics:
    """A series written in transactions, with aborted ones and foreign records among them; its beginning is deleted."""
    made = Topics(prefix=f"history-{uuid4().hex[:8]}")
    plain.create_topic(made.snapshots, 1, message_timestamp_type="LogAppendTime")
    producer: Any = KafkaProducer(bootstrap_servers=plain.servers, transactional_id=made.prefix)
    producer.init_transactions()
    for sequence in range(1, LAST + 1):
        producer.begin_transaction()
        if sequence % 7 == 0:
            producer.send(made.snapshots, key=SNAPSHOT_KEY, value=snapshot(9_999))
            producer.abort_transaction()
            producer.begin_transaction()
        if sequence % 11 == 0:
            producer.send(made.snapshots, key=b"foreign", value=b"not ours")
        sent = producer.send(made.snapshots, key=SNAPSHOT_KEY, value=snapshot(sequence))
        producer.commit_transaction()
        if sequence == FIRST:
            first = sent.get(timeout=60).offset
    producer.close()
    plain.read(made.snapshots)  # Waits until all transactions are decided.
    plain.admin.delete_records({TopicPartition(made.snapshots, 0): first})
    return made


@pytest.fixture
def reader(kafka: str) -> Iterator[LogReader]:
    with LogReader(Cluster(bootstrap_servers=kafka)) as made:
        yield made


def times(plain: Plain, topics: Topics) -> dict[int, datetime]:
    """Sequence -> its record's timestamp."""
    return {
        json.loads(record.value)["sequence"]: datetime.fromtimestamp(record.timestamp / 1000, UTC)
        for record in plain.read(topics.snapshots)
        if record.key == SNAPSHOT_KEY
    }


@pytest.mark.parametrize("sequence", [FIRST, 42, 49, 77, 100, LAST - 1, LAST])
def test_a_snapshot_is_found_by_its_sequence(reader: LogReader, topics: Topics, sequence: int) -> None:
    assert snapshot_of_sequence(reader, topics, sequence).snapshot.sequence == sequence


@pytest.mark.parametrize("sequence", [1, FIRST - 1, LAST + 1])
def test_a_missing_sequence_is_answered_with_the_existing_ones(
    reader: LogReader, topics: Topics, sequence: int
) -> None:
    with pytest.raises(
        Fatal, match=rf"no snapshot {sequence} on .* has snapshots {FIRST} \(.*\) to {LAST} \("
    ):
        snapshot_of_sequence(reader, topics, sequence)


def test_at_a_time_the_newest_snapshot_up_to_then_is_found(
    plain: Plain, reader: LogReader, topics: Topics
) -> None:
    came = times(plain, topics)
    for sequence in (FIRST, 70, 123, LAST):
        newest = max(s for s, at in came.items() if at <= came[sequence])
        assert snapshot_at_time(reader, topics, came[sequence]).snapshot.sequence == newest
    assert snapshot_at_time(reader, topics, came[LAST] + timedelta(days=1)).snapshot.sequence == LAST


def test_before_the_first_snapshot_none_is_found(plain: Plain, reader: LogReader, topics: Topics) -> None:
    with pytest.raises(Fatal, match=rf"has snapshots {FIRST} \("):
        snapshot_at_time(reader, topics, times(plain, topics)[FIRST] - timedelta(seconds=1))


def test_since_a_time_all_snapshots_are_returned_in_order(
    plain: Plain, reader: LogReader, topics: Topics
) -> None:
    came = times(plain, topics)
    found = [each.snapshot.sequence for each in snapshots_since(reader, topics, came[150])]
    assert found == [s for s in range(FIRST, LAST + 1) if came[s] > came[150]]
    assert list(snapshots_since(reader, topics, came[LAST] + timedelta(days=1))) == []


def top(plain: Plain, prefix: str, *arguments: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "ltv", "top", "--prefix", prefix, *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": plain.servers},
    )
    return Ended(done.returncode, done.stdout + done.stderr)


def test_top_shows_a_snapshot_of_the_past_as_json_and_csv(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(300, seed=61)))
    application.backfill()
    application.backfill()
    past = application.snapshots()[0]
    assert json.loads(top(plain, application.prefix, "--at", "1", "--json").log) == past
    rows = list(csv.DictReader(io.StringIO(top(plain, application.prefix, "--at", "1", "--csv").log)))
    assert [(row["sequence"], row["customer_id"], row["ltv"]) for row in rows] == [
        ("1", row["customer_id"], row["ltv"]) for row in past["rows"]
    ]
    best = top(plain, application.prefix, "--at", "1", "--top", "2", "--csv").log
    assert [row["rank"] for row in csv.DictReader(io.StringIO(best))] == ["1", "2"]
    narrow = json.loads(top(plain, application.prefix, "--at", "1", "--top", "2", "--json").log)
    assert narrow == past | {"x": 2, "rows": past["rows"][:2]}
    all_of_them = top(plain, application.prefix, "--since", "2020-01-01", "--json").log.splitlines()
    assert [json.loads(each) for each in all_of_them] == application.snapshots()
    missing = top(plain, application.prefix, "--at", "999")
    assert (missing.code, "has snapshots 1 (" in missing.log) == (1, True)


def delete_all(application: Application, topic: str) -> None:
    """Deletes records as retention or kafka-delete-records does."""
    plain = application.plain
    _, end = plain.bounds(topic)[0]
    plain.admin.delete_records({TopicPartition(topic, 0): end})
    assert plain.read(topic) == []


def test_the_series_continues_after_the_records_of_its_topic_were_deleted(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(500, seed=62)))
    for _ in range(2):
        application.backfill()
    before = application.snapshots()
    delete_all(application, f"{application.prefix}.snapshots")
    application.backfill()
    after = application.snapshots()
    assert after[0]["sequence"] == before[-1]["sequence"] + 1
    assert [row["previous_rank"] for row in after[0]["rows"]] == [row["rank"] for row in before[-1]["rows"]]


def test_the_series_continues_from_its_topic_if_its_state_was_deleted(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(500, seed=63)))
    application.backfill()
    application.plain.admin.delete_topics([f"{application.prefix}.partials"])
    application.backfill()
    assert_series(application.snapshots())


def test_foreign_records_among_the_snapshots_disturb_neither_consumer_nor_subscriber(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(500, seed=64)))
    application.backfill()
    before = application.snapshots()
    plain.send(
        f"{application.prefix}.partials", [(b"series", None)]
    )  # As an earlier version of the program left it.
    plain.send(f"{application.prefix}.snapshots", [(b"x", b"foreign"), (None, b"{}"), (b"top", None)])
    ended = application.run("one", "--until-end")
    assert ended.code == 0, ended.log
    with LogReader(Cluster(bootstrap_servers=plain.servers)) as reader:
        newest = newest_snapshot(reader, Topics(prefix=application.prefix))
    assert newest
    assert newest.snapshot.sequence > before[-1]["sequence"]


def test_a_foreign_record_among_the_partials_is_refused_in_one_line(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(100, seed=65)))
    application.backfill()
    plain.send(f"{application.prefix}.partials", [(b"what", b"is this")])
    refused = application.run("one", "--until-end")
    assert refused.code == 1
    assert "not a partial" in refused.last_line
    assert "Traceback" not in refused.log
