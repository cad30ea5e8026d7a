"""Restore: interrupted by kills, rebalances and restarts; and after changes to offsets and changelog from outside."""

import json
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import kafka
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from kafka import KafkaProducer

from broker.embedded import EmbeddedBroker
from tests.faults.brokers import one_node
from tests.faults.harness import Application, application
from tests.faults.invariants import hold
from tests.faults.load import Sent
from tests.faults.test_setup_errors import is_refused
from tests.waiting import wait_until

pytestmark = pytest.mark.faults_full

EVENTS: Final = 5_000
LONG: Final = "x" * 240
REWRITTEN_AFTER: Final = 40_000
"""Enough events with long ids for the changelog to be rewritten, at 8 MiB, at least once."""


def consumed(app: Application) -> None:
    """An application that has consumed EVENTS events and stopped."""
    app.load.send(EVENTS)
    app.catch_up()


def test_a_restore_that_is_killed_again_and_again_ends_in_the_same_state(app: Application, seed: int) -> None:
    consumed(app)
    chance = random.Random(seed)
    for _ in range(4):
        app.load.send(200)
        fault = f"read:{chance.randrange(1, 9)}:SIGKILL"
        assert app.start("one", LTV_TEST_FAULT_AT=fault).wait().code == -signal.SIGKILL
    app.catch_up()
    hold(app)


def test_a_hanging_transaction_does_not_stop_its_writer_for_ever(tmp_path: Path, seed: int) -> None:
    """Kafka can leave such a one after a kill (see `_open_transactions`); here the coordinator is bypassed."""
    unverified = {"transaction.partition.verification.enable": "false"}
    with (
        one_node(unverified) as broker,
        application(broker.bootstrap_servers, tmp_path, seed) as app,
    ):
        app.load.send(EVENTS)
        one = app.start("one")
        app.wait_for(EVENTS, one)
        one.stop()
        for topic in ("changelog", "dead-letters"):
            leave_hanging(broker.bootstrap_servers, f"{app.prefix}-one-0", app.topic(topic))
        app.load.send(EVENTS)
        one = app.start("one")
        app.wait_for(2 * EVENTS, one, within_s=40)  # Less than a restore's wait for an open transaction.
        hold(app)


def leave_hanging(servers: str, transactional_id: str, topic: str) -> None:
    """Write to partition 0 in a transaction that the coordinator does not know."""
    producer = KafkaProducer(bootstrap_servers=servers, transactional_id=transactional_id)
    producer.init_transactions()
    producer.begin_transaction()
    producer._transaction_manager._partitions_in_transaction.add(kafka.TopicPartition(topic, 0))
    producer.send(topic, b"never committed", partition=0).get(timeout=30)
    producer._sender.force_close()
    producer.close(timeout=1)


@pytest.mark.faults_full
def test_a_restore_interrupted_by_a_rebalance_ends_in_the_same_state(app: Application) -> None:
    consumed(app)
    for number in (1, 3, 5):
        one = app.start("one", LTV_TEST_FAULT_AT=f"read:{number}:SIGSTOP")
        wait_until(one.is_stopped, "stopped while it restores", failing=one.ended)
        two = app.start("two")
        two.wait_for_log('"partitions revoked"')
        one.send(signal.SIGCONT)
        app.load.send(200)
        app.wait_for(app.load.delivered, one, two)
        app.stop_all()
    hold(app)


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with one_node() as broker:
        yield broker


@pytest.mark.faults_full
@pytest.mark.parametrize("number", [2, 5])
def test_a_restore_interrupted_by_the_brokers_restart_ends_in_the_same_state(
    broker: EmbeddedBroker, tmp_path: Path, seed: int, number: int
) -> None:
    with application(broker.bootstrap_servers, tmp_path, seed) as app:
        consumed(app)
        one = app.start("one", LTV_TEST_FAULT_AT=f"read:{number}:SIGSTOP")
        wait_until(one.is_stopped, "stopped while it restores", failing=one.ended)
        broker.kill()
        one.send(signal.SIGCONT)
        broker.start()
        app.load.send(200)
        app.wait_for(app.load.delivered, one)
        hold(app)


def reset(app: Application, offset: int) -> None:
    """Set the group's offsets of all partitions, from outside the consumer."""
    numbers = range(app.cluster.partitions(app.events))
    wanted = ConsumerGroupTopicPartitions(
        app.group, [TopicPartition(app.events, number, offset) for number in numbers]
    )
    app.cluster.admin.alter_consumer_group_offsets([wanted])[app.group].result(30)


@pytest.mark.faults_full
@pytest.mark.parametrize("offset", [0, 10, 10_000_000])
def test_offsets_reset_from_outside_change_no_result(app: Application, offset: int) -> None:
    consumed(app)
    reset(app, offset)
    app.load.send(200)
    app.catch_up()
    hold(app)


def test_expired_offsets_change_no_result(app: Application) -> None:
    consumed(app)
    app.cluster.admin.delete_consumer_groups([app.group])[app.group].result(30)
    app.load.send(200)
    app.catch_up()
    hold(app)


def test_an_empty_changelog_with_committed_offsets_is_refused(app: Application) -> None:
    consumed(app)
    app.cluster.delete(app.topic("changelog"))
    is_refused(app.start(), app.topic("changelog"), "--prefix")


def test_a_changelog_whose_beginning_was_deleted_is_refused(app: Application) -> None:
    consumed(app)
    app.load.send(EVENTS)
    app.catch_up()
    ends = {number: end for number, (_, end) in app.cluster.bounds(app.topic("changelog")).items()}
    app.cluster.delete_records(app.topic("changelog"), {number: end - 1 for number, end in ends.items()})
    is_refused(app.start(), app.topic("changelog"), "--prefix")


def long_orders(first: int, count: int) -> Iterator[Sent]:
    """Orders with long ids."""
    for number in range(first, first + count):
        customer = f"c{number % 50}"
        event = {
            "type": "ORDER",
            "verb": "NEW",
            "key": f"{number}{LONG}",
            "event_time": "2026-01-01T00:00:00Z",
            "customer_id": customer,
            "total_amount": f"{number % 90}.50 USD",
        }
        yield Sent(customer.encode(), json.dumps(event).encode())


def test_a_changelog_rewritten_and_trimmed_during_its_restore_gives_the_same_state(
    servers: str, tmp_path: Path, seed: int
) -> None:
    with application(servers, tmp_path, seed, partitions=1) as app:
        for sent in long_orders(0, EVENTS):
            app.load.put(sent)
        app.load.flush()
        app.catch_up()
        zombie = app.start("one", LTV_TEST_FAULT_AT="read:1:SIGSTOP")
        wait_until(zombie.is_stopped, "stopped while it restores", failing=zombie.ended)
        other = app.start("two")
        for sent in long_orders(EVENTS, REWRITTEN_AFTER):
            app.load.put(sent)
        app.load.flush()
        app.wait_for(EVENTS + REWRITTEN_AFTER, other)
        assert app.cluster.bounds(app.topic("changelog"))[0][0] > 0, "the changelog was not trimmed"
        zombie.send(signal.SIGCONT)
        app.load.send(200)
        app.wait_for(app.load.delivered, zombie, other)
        hold(app)
