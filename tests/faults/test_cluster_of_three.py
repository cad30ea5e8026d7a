"""Three brokers, three replicas, min.insync.replicas 2: one broker is killed, leaders change in mid-transaction."""

import random
import signal
import time
from typing import Final

import pytest
from confluent_kafka import KafkaException

from broker.embedded import EmbeddedBroker
from tests.faults.harness import POINTS, Application
from tests.faults.invariants import hold
from tests.waiting import wait_until

pytestmark = pytest.mark.faults_full

RATE: Final = 1_000


def test_one_broker_after_the_other_is_killed_under_load(
    replicated_app: Application, nodes: list[EmbeddedBroker], seed: int
) -> None:
    app, chance = replicated_app, random.Random(seed)
    app.load.start(RATE)
    running = app.start("one", "--workers", "2")
    app.wait_for(1, running)
    for node in chance.sample(nodes, 3):
        node.kill()
        app.wait_for(app.load.delivered + RATE, running)  # Two of three brokers suffice.
        node.start()
        wait_until(lambda: in_sync(app) == 3, "all replicas are in sync again", failing=running.ended)
    app.wait_for(app.load.stop(), running)
    hold(app)


def test_leaders_change_in_the_middle_of_transactions(
    replicated_app: Application, nodes: list[EmbeddedBroker], seed: int
) -> None:
    app, chance = replicated_app, random.Random(seed)
    app.load.start(RATE)
    running = app.start("one", "--commit-interval-s", "0.05")  # So a transaction is open nearly all the time.
    app.wait_for(1, running)
    for node in chance.sample(nodes, 3):
        node.stop()  # A clean stop moves its leaders first.
        time.sleep(chance.uniform(0, 2))
        node.start()
        wait_until(lambda: in_sync(app) == 3, "all replicas are in sync again", failing=running.ended)
        app.wait_for_more(running)
    app.wait_for(app.load.stop(), running)
    hold(app)


@pytest.mark.parametrize("point", POINTS[1:])
def test_the_leaders_die_while_a_transaction_is_open(
    replicated_app: Application, nodes: list[EmbeddedBroker], seed: int, point: str
) -> None:
    """The worker is held at the point; leaders are killed and elected; the worker goes on in its old transaction."""
    app, chance = replicated_app, random.Random(seed)
    app.load.send(2_000)
    running = app.start("one", LTV_TEST_FAULT_AT=f"{point}:{chance.randrange(1, 4)}:SIGSTOP")
    wait_until(running.is_stopped, f"the worker is held {point}", failing=running.ended)
    node = nodes[chance.randrange(3)]
    node.kill()
    wait_until(lambda: in_sync(app) == 2, "others lead")
    running.send(signal.SIGCONT)
    app.load.send(2_000)
    app.wait_for(app.load.delivered, running)
    node.start()
    hold(app)


def in_sync(app: Application) -> int:
    """The number of in-sync replicas of the partition with the fewest; 0 if no broker answers."""
    try:
        topics = app.cluster.admin.list_topics(timeout=5).topics
    except KafkaException:  # The client may have asked the node that is down.
        return 0
    ours = [topics[app.events], *(topics[name] for name in topics if name.startswith(app.prefix))]
    return min(
        len(partition.isrs) if partition.leader >= 0 else 0
        for topic in ours
        for partition in topic.partitions.values()
    )
