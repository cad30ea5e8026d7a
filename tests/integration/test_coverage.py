"""A snapshot's coverage with dead workers, backlogs, transaction markers and idle topics."""

import json
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer
from kafka import KafkaProducer

from tests.integration.application import Application, Event, Plain, feed, shop, wait_until
from tests.integration.conftest import NewApplication, NewTopic

BACKLOG = 500_000


def newest_coverage(application: Application) -> Event:
    """The coverage of the newest snapshot; empty before the first."""
    snapshots = application.snapshots()
    coverage: Event = snapshots[-1]["coverage"] if snapshots else {}
    return coverage


def test_a_dead_workers_partitions_make_the_snapshot_incomplete_until_another_worker_gets_them(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic(shop(200, seed=71), partitions=4)
    application = new_application(topic)
    usual = ("--session-timeout-s", "20", "--complete-within-s", "2")
    owner, victim = application.start("a", *usual), application.start("b", *usual)
    application.wait_for_members("a", "b")
    application.wait_for_events(200, owner, victim)
    wait_until(lambda: newest_coverage(application)["complete"], "a complete snapshot", failing=owner.failing)
    victim.kill()
    with feed(plain, topic, shop(2_000, seed=72)):

        def is_incomplete() -> bool:
            coverage = newest_coverage(application)
            return not coverage["complete"] and coverage["behind_s"] > 2

        wait_until(is_incomplete, "a snapshot that says it is behind", failing=owner.failing)
        coverage = newest_coverage(application)
        assert coverage["lag_records"] > 0
        assert any(each["lag_records"] > 0 for each in coverage["partitions"])
        assert all(each["next_offset"] is not None for each in coverage["partitions"])
    wait_until(
        lambda: newest_coverage(application)["lag_records"] == 0, "all is counted", failing=owner.failing
    )
    assert newest_coverage(application)["complete"]
    assert application.snapshots()[-1]["totals"]["events"] == 2_200


def test_a_backlog_makes_snapshots_incomplete_until_it_is_counted(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic()
    visit = {"type": "SITE_VISIT", "verb": "NEW", "key": "p", "event_time": "2026-01-01T00:00:00Z"}
    producer = Producer(
        {
            "bootstrap.servers": plain.servers,
            "partitioner": "murmur2",
            "queue.buffering.max.messages": BACKLOG,
        }
    )
    values = [(f"c{n}", json.dumps({**visit, "customer_id": f"c{n}"})) for n in range(500)]
    for _ in range(BACKLOG // len(values)):
        for customer, value in values:
            producer.produce(topic, value, customer)
        producer.poll(0)
    assert producer.flush(120) == 0
    application = new_application(topic)
    instance = application.start("one", "--complete-within-s", "0.5", "--snapshot-interval-s", "0.1")
    application.wait_for_events(BACKLOG, instance)
    snapshots = application.snapshots()
    behind = [s for s in snapshots if (s["coverage"]["lag_records"] or 0) > BACKLOG // 2]
    assert behind, "no snapshot came before half of it was counted"
    for snapshot in behind:
        covered = snapshot["coverage"]
        assert not covered["complete"]
        assert covered["lag_records"] <= BACKLOG - snapshot["totals"]["events"]
    wait_until(
        lambda: newest_coverage(application)["complete"], "a complete snapshot", failing=instance.failing
    )
    assert newest_coverage(application)["behind_s"] == 0


def test_an_idle_topic_is_complete_and_stays_counted_to_the_present(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic())
    instance = application.start("one")
    wait_until(lambda: len(application.snapshots()) > 5, "snapshots", failing=instance.failing)
    for snapshot in application.snapshots():
        coverage = snapshot["coverage"]
        assert (coverage["complete"], coverage["behind_s"], coverage["lag_records"]) == (True, 0, 0)
        assert {each["counted_to"] for each in coverage["partitions"]} == {snapshot["emitted_at"]}


def test_markers_and_aborted_records_at_the_end_leave_no_lag(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    """One fetch returns the records and the partition's end; the position must not go back."""
    topic = new_topic(partitions=1)
    producer: Any = KafkaProducer(bootstrap_servers=plain.servers, transactional_id=f"up-{uuid4()}")
    producer.init_transactions()
    for end in (producer.commit_transaction, producer.abort_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for key, value in shop(5, seed=73):
            producer.send(topic, value, key)
        producer.flush(timeout=30)
        end()
    producer.close()
    plain.read(topic)  # Waits until all transactions are decided.
    application = new_application(topic)
    snapshot = application.backfill()
    coverage = snapshot["coverage"]
    assert (coverage["complete"], coverage["behind_s"], coverage["lag_records"]) == (True, 0, 0)
    assert snapshot["totals"]["events"] == 5
