"""Reading snapshots and dead letters from a real broker, with markers, aborted transactions and invalid bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from cluster.log_reader import LogReader
from cluster.settings import Cluster
from contract import dead_letters as names
from contract.errors import Fatal
from contract.snapshots import Coverage, Snapshot, Totals
from contract.topics import SNAPSHOT_KEY, Topics
from subscriber.feed import Received, follow_snapshots, newest_snapshot
from tests.waiting import wait_until

PARTITIONS = 3


def snapshot(sequence: int) -> bytes:
    return msgspec.json.encode(
        Snapshot(
            sequence=sequence,
            emitted_at="2026-01-01T00:00:00Z",
            x=10,
            basis="active",
            timeframe_weeks=0,
            event_time_min=None,
            event_time_max=None,
            coverage=Coverage(complete=True, behind_s=0.0, lag_records=0, partitions=[]),
            totals=Totals(events=0, customers=0, orders=0, revenue="0.00", dead_letters=0),
            rows=[],
        )
    )


class Writer:
    """A transactional producer."""

    def __init__(self, servers: str) -> None:
        self._client: Any = KafkaProducer(bootstrap_servers=servers, transactional_id=f"writer-{uuid4()}")
        self._client.init_transactions()

    def begin(self, topic: str, values: list[bytes], key: bytes = SNAPSHOT_KEY) -> None:
        self._client.begin_transaction()
        for value in values:
            self._client.send(topic, key=key, value=value)
        self._client.flush(timeout=30)

    def commit(self) -> None:
        self._client.commit_transaction()

    def abort(self) -> None:
        self._client.abort_transaction()

    def write(self, topic: str, value: bytes) -> None:
        self.begin(topic, [value])
        self.commit()

    def dead_letter(
        self, topic: str, partition: int, key: bytes, value: bytes | None, reason: str, **headers: str
    ) -> None:
        self._client.begin_transaction()
        about = {
            names.REASON: reason,
            names.TOPIC: "ltv.events",
            names.PARTITION: str(partition),
            names.OFFSET: "17",
            names.TIMESTAMP: "1700000000000",
        }
        encoded = [(name, text.encode()) for name, text in (about | headers).items()]
        self._client.send(topic, key=key, value=value, partition=partition, headers=encoded)
        self._client.commit_transaction()

    def close(self) -> None:
        self._client.close(timeout=5)


@pytest.fixture
def topics(kafka: str) -> Topics:
    made = Topics(prefix=f"test-{uuid4().hex[:8]}")
    admin: Any = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(made.snapshots, 1, 1), NewTopic(made.dead_letters, PARTITIONS, 1)])
    admin.close()
    return made


@pytest.fixture
def writer(kafka: str) -> Iterator[Writer]:
    made = Writer(kafka)
    yield made
    made.close()


@pytest.fixture
def reader(kafka: str) -> Iterator[LogReader]:
    with LogReader(Cluster(bootstrap_servers=kafka)) as made:
        yield made


def run_ltv(kafka: str, topics: Topics, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ltv", *args, "--bootstrap-servers", kafka, "--prefix", topics.prefix],
        capture_output=True,
        timeout=60,
        text=True,
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": ""},
    )


def test_on_an_empty_topic_no_snapshot_is_found(reader: LogReader, topics: Topics) -> None:
    assert newest_snapshot(reader, topics) is None


def test_the_newest_snapshot_is_found_behind_transaction_markers(
    reader: LogReader, topics: Topics, writer: Writer
) -> None:
    for sequence in (1, 2, 3):
        writer.write(topics.snapshots, snapshot(sequence))
    found = newest_snapshot(reader, topics)
    assert found
    assert found.snapshot.sequence == 3


def test_the_newest_snapshot_is_found_behind_many_aborted_ones(
    reader: LogReader, topics: Topics, writer: Writer
) -> None:
    writer.write(topics.snapshots, snapshot(1))
    for _ in range(40):
        writer.begin(topics.snapshots, [snapshot(99)])
        writer.abort()
    found = newest_snapshot(reader, topics)
    assert found
    assert found.snapshot.sequence == 1


def test_records_of_an_open_transaction_are_not_found(
    reader: LogReader, topics: Topics, writer: Writer
) -> None:
    writer.write(topics.snapshots, snapshot(1))
    writer.begin(topics.snapshots, [snapshot(2)])
    before = newest_snapshot(reader, topics)
    writer.commit()
    assert before
    assert before.snapshot.sequence == 1

    def newest_sequence() -> int:
        newest = newest_snapshot(reader, topics)
        return newest.snapshot.sequence if newest else 0

    # A commit returns before readers get the committed records.
    wait_until(lambda: newest_sequence() == 2, "the committed snapshot")


def test_tombstones_and_other_keys_are_skipped(reader: LogReader, topics: Topics, writer: Writer) -> None:
    writer.write(topics.snapshots, snapshot(1))
    writer.begin(topics.snapshots, [b"something else"], key=b"other")
    writer.commit()
    found = newest_snapshot(reader, topics)
    assert found
    assert found.snapshot.sequence == 1


def test_a_record_that_is_not_a_snapshot_is_refused_with_its_offset(
    reader: LogReader, topics: Topics, writer: Writer
) -> None:
    writer.write(topics.snapshots, b"{}")
    with pytest.raises(Fatal, match=f"{topics.snapshots}-0 at offset 0: this is no snapshot"):
        newest_snapshot(reader, topics)


def test_a_snapshot_of_the_first_schema_is_read_and_its_coverage_is_not_known(
    reader: LogReader, topics: Topics, writer: Writer
) -> None:
    first = json.loads(snapshot(4)) | {"schema_version": 1, "partitions": {"reporting": 4, "total": 4}}
    del first["coverage"]
    writer.write(topics.snapshots, json.dumps(first).encode())
    found = newest_snapshot(reader, topics)
    assert found
    assert (found.snapshot.sequence, found.snapshot.coverage.complete) == (4, False)
    assert found.snapshot.coverage.behind_s is None


def test_a_snapshot_of_a_newer_schema_is_refused(reader: LogReader, topics: Topics, writer: Writer) -> None:
    writer.write(topics.snapshots, snapshot(1).replace(b'"schema_version":2', b'"schema_version":3'))
    with pytest.raises(Fatal, match="schema version 3"):
        newest_snapshot(reader, topics)


def next_sequence(came: Iterator[Received | None]) -> int:
    found: list[int] = []

    def read_on() -> bool:
        if item := next(came):
            found.append(item.snapshot.sequence)
        return bool(found)

    wait_until(read_on, "another snapshot")
    return found[0]


def test_following_returns_the_newest_snapshot_and_then_each_committed_one(
    reader: LogReader, topics: Topics, writer: Writer
) -> None:
    for sequence in (1, 2):
        writer.write(topics.snapshots, snapshot(sequence))
    came = follow_snapshots(reader, topics)
    assert next_sequence(came) == 2
    writer.begin(topics.snapshots, [snapshot(98)])
    writer.abort()
    for sequence in (3, 4):
        writer.write(topics.snapshots, snapshot(sequence))
    assert [next_sequence(came) for _ in range(2)] == [3, 4]


def test_following_an_empty_topic_waits_for_the_first_snapshot(
    reader: LogReader, topics: Topics, writer: Writer
) -> None:
    came = follow_snapshots(reader, topics)
    assert next(came) is None
    writer.write(topics.snapshots, snapshot(1))
    assert next_sequence(came) == 1


def test_the_newest_matching_records_are_looked_for_as_far_back_as_needed(
    reader: LogReader, topics: Topics, writer: Writer
) -> None:
    writer.begin(topics.snapshots, [b"wanted %d" % i for i in range(3)])
    writer.commit()
    writer.begin(topics.snapshots, [b"other"] * 500)
    writer.commit()
    newest = reader.newest_first(topics.snapshots, 0)
    found = islice((record for record in newest if (record.value or b"").startswith(b"wanted")), 2)
    assert [record.value for record in found] == [b"wanted 2", b"wanted 1"]


def test_records_of_any_size_come_newest_first_each_once(
    monkeypatch: pytest.MonkeyPatch, reader: LogReader, topics: Topics, writer: Writer
) -> None:
    monkeypatch.setattr("cluster.log_reader.LOOK_BACK_BYTES", 5_000)
    values = [
        b"%d " % i + b"x" * size for i, size in enumerate([10_000, 10, 3_000, *[1] * 300, 20_000, 4_000, 1])
    ]
    for start in range(0, len(values), 100):
        writer.begin(topics.snapshots, values[start : start + 100])
        writer.commit()
    found = [record.value for record in reader.newest_first(topics.snapshots, 0)]
    assert found == values[::-1]


def test_a_missing_topic_says_what_to_do(reader: LogReader) -> None:
    with pytest.raises(Fatal, match="ltv topics create"):
        newest_snapshot(reader, Topics(prefix="missing-topic"))


def test_an_address_without_a_broker_is_named() -> None:
    """In a separate process: kafka-python leaves a thread and a socket behind if it can't connect."""
    script = "from cluster.log_reader import LogReader; from cluster.settings import Cluster; "
    script += "LogReader(Cluster(bootstrap_servers='localhost:1'), call_timeout_s=0.5)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, text=True)
    assert "Retriable: no Kafka broker answers at localhost:1 (" in result.stderr
    assert "ltv broker start" in result.stderr


@pytest.mark.parametrize(
    "servers", ["localhost:x", ":::", "localhost:0", "localhost:65536", "one:9092,,two:9092", ""]
)
def test_an_address_that_is_none_is_refused(servers: str) -> None:
    with pytest.raises(Fatal, match="is not host:port"):
        LogReader(Cluster(bootstrap_servers=servers), call_timeout_s=0.5)


def test_top_prints_the_newest_snapshot(kafka: str, topics: Topics, writer: Writer) -> None:
    writer.write(topics.snapshots, snapshot(7))
    assert "snapshot 7," in run_ltv(kafka, topics, "top").stdout
    assert json.loads(run_ltv(kafka, topics, "top", "--json").stdout) == json.loads(snapshot(7))


def test_top_without_a_snapshot_says_so_and_exits_with_1(kafka: str, topics: Topics) -> None:
    result = run_ltv(kafka, topics, "top")
    assert result.returncode == 1
    assert result.stderr.startswith("ltv: no snapshot on")
    assert result.stdout == ""


def test_top_follow_prints_a_line_for_each_snapshot_and_ctrl_c_ends_it_with_0(
    kafka: str, topics: Topics, writer: Writer, tmp_path: Path
) -> None:
    writer.write(topics.snapshots, snapshot(1))
    command = [sys.executable, "-m", "ltv", "top", "--follow", "--json"]
    out = tmp_path / "out"
    with out.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--bootstrap-servers", kafka, "--prefix", topics.prefix], stdout=file, stderr=file
        )
    wait_for_lines(out, 1)
    writer.write(topics.snapshots, snapshot(2))
    wait_for_lines(out, 2)
    process.send_signal(signal.SIGINT)
    wait_until(lambda: process.poll() is not None, "ltv top has ended", state=out.read_text)
    assert process.returncode == 0
    assert [json.loads(line)["sequence"] for line in out.read_text().splitlines()] == [1, 2]


def wait_for_lines(path: Path, count: int) -> None:
    wait_until(lambda: path.read_bytes().count(b"\n") >= count, f"{count} lines", state=path.read_text)


@pytest.fixture
def letters(topics: Topics, writer: Writer) -> Topics:
    writer.dead_letter(topics.dead_letters, 0, b"c1", b"\xff{", "undecodable")
    time.sleep(0.01)  # Record timestamps have milliseconds, and these tests check the order.
    writer.dead_letter(
        topics.dead_letters, 2, b"\xfe", b'{"a":"\x1b[2J"}', "invalid_field", **{names.FIELD: "key"}
    )
    time.sleep(0.01)
    writer.dead_letter(topics.dead_letters, 1, b"c3", None, "empty")
    return topics


def listed(kafka: str, topics: Topics, *args: str) -> list[dict[str, Any]]:
    result = run_ltv(kafka, topics, "dead-letters", "list", "--json", *args)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_dead_letters_of_all_partitions_are_listed_the_newest_first(kafka: str, letters: Topics) -> None:
    assert [each["reason"] for each in listed(kafka, letters)] == ["empty", "invalid_field", "undecodable"]


def test_bytes_that_are_not_utf_8_are_listed_as_base64(kafka: str, letters: Topics) -> None:
    empty, invalid, undecodable = listed(kafka, letters)
    assert (undecodable["payload"], undecodable["payload_base64"]) == (None, "/3s=")
    assert (invalid["key"], invalid["key_base64"], invalid["payload"]) == (None, "/g==", '{"a":"\x1b[2J"}')
    assert empty["payload"] is None
    assert "payload_base64" not in empty


def test_dead_letters_have_their_origin(kafka: str, letters: Topics) -> None:
    [letter] = listed(kafka, letters, "--limit", "1")
    assert (letter["topic"], letter["partition"], letter["offset"]) == ("ltv.events", 1, 17)
    assert letter["timestamp_ms"] == 1_700_000_000_000


def test_dead_letters_can_be_chosen_by_reason(kafka: str, letters: Topics) -> None:
    assert [each["key"] for each in listed(kafka, letters, "--reason", "undecodable")] == ["c1"]
    assert listed(kafka, letters, "--reason", "oversize") == []
    assert len(listed(kafka, letters, "--limit", "0")) == 3


def test_where_no_dead_letter_has_the_reason_the_others_are_counted(kafka: str, letters: Topics) -> None:
    result = run_ltv(kafka, letters, "dead-letters", "list", "--reason", "oversize")
    assert result.returncode == 0
    assert "no dead letter with reason oversize" in result.stderr
    assert "3 others: " in result.stderr
    assert "undecodable 1" in result.stderr


def test_an_empty_dead_letters_topic_says_what_that_may_mean(kafka: str, topics: Topics) -> None:
    assert "no event was invalid" in run_ltv(kafka, topics, "dead-letters", "list").stderr


def test_the_listing_for_people_shows_all_and_nothing_in_it_acts(kafka: str, letters: Topics) -> None:
    result = run_ltv(kafka, letters, "dead-letters", "list")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert r'{"a":"\x1b[2J"}' in result.stdout
    assert "2:17 of ltv.events" in result.stdout
    assert "all 3 on" in result.stderr


def test_an_unknown_reason_is_wrong_usage(kafka: str, topics: Topics) -> None:
    assert run_ltv(kafka, topics, "dead-letters", "list", "--reason", "nonsense").returncode == 2


def test_the_listing_begins_with_how_many_there_are_of_each_reason(kafka: str, letters: Topics) -> None:
    first = run_ltv(kafka, letters, "dead-letters", "list").stdout.splitlines()[:3]
    assert sorted(line.split()[:2] for line in first) == [
        ["1", "empty"],
        ["1", "invalid_field"],
        ["1", "undecodable"],
    ]


def test_one_dead_letter_is_shown_whole_with_all_headers(kafka: str, letters: Topics) -> None:
    shown = run_ltv(kafka, letters, "dead-letters", "show", "2:17")
    assert shown.returncode == 0, shown.stderr
    assert "ltv.reason: invalid_field" in shown.stdout
    assert r'{"a":"\x1b[2J"}' in shown.stdout
    assert "\x1b" not in shown.stdout
    whole = json.loads(run_ltv(kafka, letters, "dead-letters", "show", "2:17", "--json").stdout)
    assert whole["letter"] == listed(kafka, letters, "--reason", "invalid_field")[0]
    assert {"name": "ltv.offset", "value": "17"} in whole["headers"]


def test_a_dead_letter_that_is_not_there_is_told_of(kafka: str, letters: Topics) -> None:
    for place in ("2:18", "77:1"):
        missing = run_ltv(kafka, letters, "dead-letters", "show", place)
        assert (missing.returncode, missing.stdout) == (1, "")
        assert "no dead letter" in missing.stderr
    assert run_ltv(kafka, letters, "dead-letters", "show", "2-18").returncode == 2


def test_dead_letters_are_exported_as_json_or_as_the_original_events(
    kafka: str, letters: Topics, tmp_path: Path
) -> None:
    file = tmp_path / "letters.ndjson"
    ended = run_ltv(kafka, letters, "dead-letters", "export", "-o", str(file))
    assert ended.returncode == 0, ended.stderr
    reasons = [json.loads(line)["letter"]["reason"] for line in file.read_bytes().splitlines()]
    assert sorted(reasons) == ["empty", "invalid_field", "undecodable"]
    ended = run_ltv(kafka, letters, "dead-letters", "export", "--events", "-o", str(file))
    assert sorted(file.read_bytes().splitlines()) == [b'{"a":"\x1b[2J"}', b"\xff{"]
    assert "1 dead letter left out" in ended.stderr
    ended = run_ltv(kafka, letters, "dead-letters", "export", "--reason", "undecodable", "-o", str(file))
    assert len(file.read_bytes().splitlines()) == 1
