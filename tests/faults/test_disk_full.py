"""The cluster rejects writes, for too few in-sync replicas or a full disk; the consumer waits, and then goes on."""

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from broker.embedded import EmbeddedBroker
from broker.readiness import is_ready
from tests.faults.brokers import one_node
from tests.faults.harness import Application, application
from tests.faults.invariants import hold
from tests.waiting import wait_until

pytestmark = pytest.mark.faults_full

RATE: Final = 500
DISK_BYTES: Final = 128 * 1024 * 1024
AS_ROOT: Final = () if os.geteuid() == 0 else ("sudo", "-n")
WAITING: Final = "waiting for the cluster"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory with its own file system of DISK_BYTES."""
    disk = tmp_path / "kafka" / "data"
    disk.mkdir(parents=True)
    options = f"size={DISK_BYTES},uid={os.geteuid()},mode=755"
    mount = (*AS_ROOT, "mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk))
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"a full disk needs its own file system: {error}")
    if mounted.returncode != 0:
        pytest.skip(f"a full disk needs its own file system: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run((*AS_ROOT, "umount", "--lazy", str(disk)), check=True)


def test_a_full_disk_stops_the_broker_and_no_event_is_lost(
    small_disk: Path, tmp_path: Path, seed: int
) -> None:
    with (
        one_node(data_dir=small_disk.parent) as broker,
        application(broker.bootstrap_servers, tmp_path, seed) as app,
    ):
        app.load.start(RATE)
        running = app.start("one")
        app.wait_for(RATE, running)
        ballast = fill(small_disk)
        port = int(broker.bootstrap_servers.rpartition(":")[2])
        # Kafka halts when it can't write to any of its directories.
        wait_until(lambda: not is_ready(port), "the broker is down", failing=running.ended)
        running.wait_for_log(WAITING)
        broker.kill()
        ballast.unlink()
        broker.start()
        app.wait_for(app.load.stop(), running)
        hold(app)


@pytest.mark.parametrize(
    "refusing", [("changelog", "partials", "snapshots", "dead-letters"), ("snapshots",)], ids=len
)
def test_the_consumer_goes_on_after_topics_had_too_few_replicas(
    replicated_app: Application, nodes: list[EmbeddedBroker], seed: int, refusing: tuple[str, ...]
) -> None:
    """Even if only one topic rejects writes, the transaction's records on the other topics must not count."""
    app, node = replicated_app, random.Random(seed).choice(nodes)
    app.load.start(RATE)
    running = app.start("one", "--workers", "2")
    app.wait_for(RATE, running)
    for name in refusing:
        need_replicas(app, app.topic(name), 3)
    node.kill()
    running.wait_for_log(WAITING)
    before = len(app.snapshots())
    running.wait_for_log(WAITING, times=4)
    assert len(app.snapshots()) <= before + 1  # One snapshot could be in flight.
    node.start()
    app.wait_for(app.load.stop(), running)
    hold(app)


def test_the_consumer_goes_on_after_two_of_three_brokers_were_down(
    replicated_app: Application, nodes: list[EmbeddedBroker], seed: int
) -> None:
    """Without a quorum of controllers and with too few replicas, there are no writes and no elections."""
    app, away = replicated_app, random.Random(seed).sample(nodes, 2)
    app.load.start(RATE)
    running = app.start("one", "--workers", "2")
    app.wait_for(RATE, running)
    for node in away:
        node.kill()
    running.wait_for_log(WAITING)
    for node in away:
        node.start()
    app.wait_for(app.load.stop(), running)
    hold(app)


def fill(disk: Path) -> Path:
    """Fill the disk; returns the file to delete."""
    ballast = disk.parent / "data" / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(64 * 1024)):
            pass
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        while file.write(b"0"):
            pass
    return ballast


def need_replicas(app: Application, topic: str, count: int) -> None:
    """Set the topic's min.insync.replicas."""
    entry = ConfigEntry("min.insync.replicas", str(count), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    for future in app.cluster.admin.incremental_alter_configs([resource]).values():
        future.result(60)
