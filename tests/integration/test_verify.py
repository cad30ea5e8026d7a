"""`ltv verify` proves the figures of a snapshot from the topic, and finds one that is wrong."""

import json
import os
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer, TopicPartition

from tests.integration.application import DEADLINE_S, Application, Keyed, Plain, shop, wait_until
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.rubbish import RUBBISH

SMALL = [(key, value) for key, value, _ in RUBBISH if len(value or b"") < 1_000]


def verify(application: Application, *arguments: str) -> subprocess.CompletedProcess[str]:
    names = ("--prefix", application.prefix, "--events-topic", application.events)
    return subprocess.run(
        [sys.executable, "-m", "ltv", "verify", *names, *arguments],
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": application.plain.servers},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def verdict(application: Application, *arguments: str) -> tuple[int, Any]:
    ended = verify(application, "--json", *arguments)
    assert ended.stdout, ended.stderr
    return ended.returncode, json.loads(ended.stdout)


def send_in_transaction(plain: Plain, topic: str, records: list[Keyed], *, commits: bool) -> None:
    with closing(
        KafkaProducer(bootstrap_servers=plain.servers, transactional_id=f"of-{topic}-{commits}")
    ) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        for key, value in records:
            producer.send(topic, key=key, value=value)
        producer.flush()
        producer.commit_transaction() if commits else producer.abort_transaction()


def test_every_snapshot_of_hostile_events_is_proved_at_its_own_offsets(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    """Dead letters of all kinds, records on wrong partitions, aborted and committed transactions."""
    topic = new_topic(shop(900, seed=31) + SMALL)
    application = new_application(topic)
    application.backfill("one", "--top", "30")
    plain.send(topic, shop(40, seed=32, customers=8), partition=1)
    send_in_transaction(plain, topic, shop(50, seed=33), commits=False)
    send_in_transaction(plain, topic, shop(50, seed=34), commits=True)
    last = application.backfill("one", "--top", "30")
    plain.send(topic, shop(100, seed=35))
    code, found = verdict(application)
    assert (code, found["matches"], found["sequence"]) == (0, True, last["sequence"]), found
    assert found["records"] == last["totals"]["events"] + last["totals"]["dead_letters"]
    assert last["totals"]["dead_letters"] > len(SMALL)
    for sequence in (1, last["sequence"] // 2 + 1):
        code, found = verdict(application, "--sequence", str(sequence))
        assert (code, found["matches"], found["sequence"]) == (0, True, sequence), found


def test_a_batch_that_is_too_large_counts_as_its_records(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic(shop(60, seed=41))
    with closing(
        KafkaProducer(
            bootstrap_servers=plain.servers, compression_type="gzip", batch_size=900_000, linger_ms=60_000
        )
    ) as producer:
        for _ in range(3):
            producer.send(topic, key=b"c1", value=b" " * 500_000, partition=0)
        producer.flush()
    application = new_application(topic)
    limit = ("--max-batch-bytes", str(1024 * 1024))
    last = application.backfill("one", *limit, "--basis", "timeframe")
    assert last["totals"]["dead_letters"] == 3
    code, found = verdict(application, *limit)
    assert (code, found["matches"]) == (0, True), found


def test_events_that_are_too_far_ahead_of_their_records_are_left_out(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(60, seed=42)))
    limit = ("--max-event-time-ahead", "3600", "--max-dead-letter-ratio", "1")
    assert application.backfill("one", *limit)["totals"]["dead_letters"] > 0
    code, found = verdict(application, *limit[:2])
    assert (code, found["matches"]) == (0, True), found


def plant(application: Application) -> str:
    """Write a row with a larger amount into the changelog; returns the customer."""
    records = [
        (record, json.loads(record.value))
        for record in application.plain.read(f"{application.prefix}.changelog")
    ]
    with_orders = [(record.partition, found["rows"]) for record, found in records if found["rows"][6]]
    partition, columns = next(each for each in reversed(with_orders) if each[1][6][-1])
    position = [
        found for record, found in records if record.partition == partition and found.get("position")
    ][-1]
    orders = columns[6][-1]
    row = [*([column[-1]] for column in columns[:7]), *(column[-orders:] for column in columns[7:])]
    row[9][0] += 100_000
    planted = json.dumps({**position, "part": None, "completes": False, "rows": row})
    application.plain.send(f"{application.prefix}.changelog", [(None, planted.encode())], partition=partition)
    return str(row[0][0])


def test_a_wrong_figure_in_the_changelog_is_found_with_the_events_behind_it(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(400, seed=51)))
    application.backfill("one", "--top", "60")
    assert verify(application).returncode == 0
    customer = plant(application)
    plain.send(application.events, shop(1, seed=52))
    application.backfill("one", "--top", "60")
    code, found = verdict(application)
    assert (code, found["matches"]) == (1, False)
    assert [total["figure"] for total in found["totals"]] == ["revenue"]
    wrong = [row for row in found["rows"] if row["fields"] != ["rank"]]
    assert [row["customer_id"] for row in wrong] == [customer]
    assert "total_spend" in wrong[0]["fields"]
    more = float(wrong[0]["in_snapshot"]["total_spend"]) - float(wrong[0]["recomputed"]["total_spend"])
    assert round(more, 2) == 1_000
    behind = {(event["source"], event["place"]) for event in wrong[0]["events"]}
    assert behind == {
        (record.partition, record.offset)
        for record in application.records()
        if record.key == customer.encode()
    }
    in_words = verify(application).stdout
    assert f"customer {customer}: " in in_words
    assert "  recomputed: rank " in in_words


def test_where_retention_has_taken_events_it_says_so_and_the_files_prove_the_figures(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication, tmp_path: Path
) -> None:
    events = shop(300, seed=61)
    application = new_application(new_topic(events))
    application.backfill()
    plain.admin.delete_records({TopicPartition(application.events, 1): 5})
    ended = verify(application)
    assert (ended.returncode, ended.stdout) == (4, "")
    assert f"the records at its first offsets are deleted (5 of {application.events}-1)" in ended.stderr
    code, found = verdict(application)
    assert (code, found["matches"]) == (4, None)
    files = [tmp_path / "a.ndjson", tmp_path / "b.ndjson"]
    files[0].write_bytes(b"\n".join(value or b"" for _, value in events[:100]))
    files[1].write_bytes(b"\n".join(value or b"" for _, value in events[100:]))
    whole = [word for file in files for word in ("--from-files", str(file))]
    assert verify(application, *whole).returncode == 0
    part = verify(application, *whole[:2])
    assert part.returncode == 1
    assert "a.ndjson line " in part.stdout


def test_a_count_that_began_after_the_deleted_events_is_proved(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic(shop(300, seed=71))
    plain.admin.delete_records({TopicPartition(topic, 0): 5})
    application = new_application(topic)
    application.backfill()
    assert verify(application).returncode == 0


def test_a_count_that_a_reset_began_is_proved_from_the_same_time_on(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic(shop(300, seed=75) + SMALL)
    application = new_application(topic)
    application.backfill()
    time_ms = max(record.timestamp for record in plain.read(topic)) + 1
    wait_until(lambda: time.time() * 1000 > time_ms, "a later time")
    plain.send(topic, shop(40, seed=76, customers=2))
    since = datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    assert application.run_command("reset", "--to-time", since, "--yes").returncode == 0
    assert application.backfill()["totals"]["events"] == 40
    whole = verify(application)
    assert whole.returncode == 1
    assert "verify it with --since TIME" in whole.stderr
    assert verify(application, "--since", since).returncode == 0


def test_another_topic_of_the_same_name_is_no_proof(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(300, seed=81)))
    application.backfill()
    application.events = new_topic(shop(10, seed=82))
    ended = verify(application)
    assert ended.returncode == 4
    assert "before the snapshot's offset" in ended.stderr


@pytest.mark.parametrize("arguments", [(), ("--sequence", "4711")])
def test_without_the_snapshot_there_is_nothing_to_verify(
    new_topic: NewTopic, new_application: NewApplication, arguments: tuple[str, ...]
) -> None:
    ended = verify(new_application(new_topic(partitions=1)), *arguments)
    assert ended.returncode == 1
    assert "there is no topic" in ended.stderr


def test_a_stopped_verification_says_so_and_leaves_nothing(
    new_topic: NewTopic, new_application: NewApplication, tmp_path: Path
) -> None:
    application = new_application(new_topic(shop(50, seed=91)))
    application.backfill()
    pipe, folder = tmp_path / "events", tmp_path / "temporary"
    os.mkfifo(pipe)
    folder.mkdir()
    running = subprocess.Popen(
        [sys.executable, "-m", "ltv", "verify", "--prefix", application.prefix, "--from-files", str(pipe)],
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": application.plain.servers, "TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        # Opened for both, the pipe never ends.
        with pipe.open("r+b", buffering=0) as events:
            events.write(b"\n" * 100_000)
            wait_until(lambda: list(folder.iterdir()), "the database", failing=lambda: _ended(running))
            running.terminate()
            _, error = running.communicate(timeout=DEADLINE_S)
    finally:
        running.kill()
    assert (running.returncode, list(folder.iterdir())) == (130, [])
    assert error.startswith("stopped: snapshot ")


def _ended(process: subprocess.Popen[str]) -> str:
    return "" if process.poll() is None else f"it has ended with {process.returncode}"
