"""A transaction on the events topic that never ends: consumers say what they wait for, and don't claim to be done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from tests.faults.harness import Application, application
from tests.faults.hostile import Batch, customers, order
from tests.faults.invariants import hold
from tests.faults.raw_client import RawClient
from tests.faults.strike import TOPIC
from tests.faults.worker_port import WorkerPort
from tests.waiting import wait_until

LONGEST_MS: Final = 900_000
"""The longest transaction that brokers allow by default."""
EVENTS: Final = 500
PARTITION: Final = 0
BLOCKED: Final = "ltv_blocked_by_transaction_seconds"
SOON: Final = ("--blocked-after-s", "1", "--complete-within-s", "1")
"""An open transaction is named, snapshots are not complete, and `--until-end` gives up, after a second."""


@pytest.fixture
def app(servers: str, tmp_path: Path, seed: int) -> Iterator[Application]:
    """An application whose hostile customers belong on PARTITION."""
    with application(servers, tmp_path, seed, **TOPIC) as made:
        yield made


@contextmanager
def open_transaction(app: Application) -> Iterator[int]:
    """A transaction with one order on PARTITION, committed at the end of the block; yields the order's offset."""
    name = f"hostile-{uuid4()}"
    (customer,) = customers("open", 1, PARTITION)
    with RawClient(app.cluster.servers) as client:
        producing = client.begin(name, app.events, PARTITION, LONGEST_MS)
        batch = Batch(PARTITION, [order(customer, 1)]).wire(producing=producing)
        answer = client.produce(app.events, PARTITION, batch, name)
        assert answer.error == 0, answer
        yield answer.base_offset
        client.end(name, producing, commit=True)


def is_named_in_coverage(app: Application) -> bool:
    """Whether the newest snapshot says that it is not complete, and for how long PARTITION is blocked."""
    snapshots = app.snapshots()
    if not snapshots:
        return False
    coverage = snapshots[-1]["coverage"]
    return bool(coverage["partitions"][PARTITION]["blocked_s"]) and not coverage["complete"]


def test_an_open_transaction_is_named_in_log_metrics_and_coverage_until_it_ends(app: Application) -> None:
    app.load.send(EVENTS)
    port = WorkerPort()
    with open_transaction(app) as offset:
        app.load.send(EVENTS)
        worker = app.start("one", *SOON, *port.options)
        named = f'"topic": "{app.events}", "partition": {PARTITION}, "offset": {offset}'
        worker.wait_for_log(named)
        wait_until(lambda: max(port.metric(BLOCKED), default=0) > 0, BLOCKED, failing=worker.ended)
        wait_until(lambda: is_named_in_coverage(app), "incomplete coverage", failing=worker.ended)
    app.wait_for(2 * EVENTS + 1, worker)
    wait_until(lambda: max(port.metric(BLOCKED), default=0) == 0, f"{BLOCKED} 0", failing=worker.ended)
    hold(app)


def test_until_end_does_not_claim_to_be_done_behind_an_open_transaction(app: Application) -> None:
    app.load.send(EVENTS)
    with open_transaction(app) as offset:
        app.load.send(EVENTS)
        ended = app.start("one", "--until-end", *SOON).wait()
        assert ended.code == 1, ended.log[-3000:]
        assert ended.last_line.startswith("ltv: ")
        for word in (f"{app.events}-{PARTITION}", str(offset), "transaction"):
            assert word in ended.last_line
    app.catch_up()
    hold(app)
