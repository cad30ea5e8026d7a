"""A session follows the group's assignment and commits only its own partitions; on a fake cluster in memory."""

import gc
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.fetched import Record
from cluster.record_batch import UnreadableBatch
from cluster.settings import Cluster
from consumer.health import WorkerHealth
from consumer.metrics import Metrics
from consumer.settings import Settings
from consumer.stream.invalid_limit import InvalidLimit
from consumer.stream.lifecycle import Lifecycle
from consumer.stream.partition import Partition
from consumer.stream.session import Session
from contract.errors import Fatal, InvalidEvent, Retriable
from tests.unit.fake_cluster import FakeCluster, FakeConsumer, fenced, log_record, retriable

pytestmark = pytest.mark.usefixtures("both")

COMMIT_INTERVAL_S = 1.0
SNAPSHOT_INTERVAL_S = 5.0


@pytest.fixture(autouse=True)
def _collector_as_before() -> Iterator[None]:
    """Enable the garbage collector again, which a session disables."""
    yield
    gc.enable()
    gc.unfreeze()


def visit(customer: str, day: int = 1) -> tuple[bytes, bytes]:
    event = {
        "type": "SITE_VISIT",
        "verb": "NEW",
        "key": "page",
        "event_time": f"2026-01-{day:02d}T00:00:00Z",
        "customer_id": customer,
    }
    return customer.encode(), json.dumps(event).encode()


def order(customer: str, order_id: str, amount: str, day: int = 1) -> tuple[bytes, bytes]:
    event = {
        "type": "ORDER",
        "verb": "NEW",
        "key": order_id,
        "event_time": f"2026-01-{day:02d}T00:00:00Z",
        "customer_id": customer,
        "total_amount": f"{amount} USD",
    }
    return customer.encode(), json.dumps(event).encode()


class Worker:
    """A session on the fake cluster, with shorthands for the tests."""

    def __init__(self, cluster: FakeCluster, **settings: Any) -> None:
        self.cluster = cluster
        self.metrics = Metrics()
        clients = cluster.clients()
        assert isinstance(clients.consumer, FakeConsumer)
        self.consumer = clients.consumer
        given = Settings(
            Cluster(bootstrap_servers="nowhere:1"),
            cluster.topics,
            commit_interval_s=COMMIT_INTERVAL_S,
            snapshot_interval_s=SNAPSHOT_INTERVAL_S,
            **{"partitioner": "unchecked", **settings},
        )
        self.session = Session(
            given,
            clients,
            self.metrics,
            InvalidLimit(given),
            clock=cluster.clock,
            now=lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=cluster.now_s),
        )

    def run(self, *partitions: int) -> "Worker":
        """Assign these partitions, and step until they are restored and committed once."""
        self.consumer.assign(*partitions)
        self.step_until_committed()
        return self

    def step_until_committed(self) -> None:
        """Step until all partitions are restored, and all events are consumed and committed."""
        for _ in range(20):
            self.session.step()
        self.cluster.now_s += COMMIT_INTERVAL_S
        self.session.step()

    def metric(self, name: str, **labels: str) -> float:
        """The present value of a metric."""
        value = self.metrics.registry.get_sample_value(name, labels)
        assert value is not None
        return value

    @property
    def health(self) -> WorkerHealth:
        return self.metrics.health

    @property
    def partitions(self) -> dict[int, Partition]:
        return self.session._assignment.partitions


def totals(cluster: FakeCluster) -> dict[str, Any]:
    """The totals of the newest snapshot."""
    found: dict[str, Any] = json.loads(cluster.values(cluster.topics.snapshots)[-1])["totals"]
    return found


def due_for_a_snapshot(worker: Worker) -> None:
    worker.cluster.now_s += SNAPSHOT_INTERVAL_S
    worker.session.step()


def test_the_events_on_the_topic_are_ingested_committed_and_in_the_snapshot() -> None:
    cluster = FakeCluster(2)
    cluster.events[0] = [visit("a"), order("a", "1", "10.00")]
    cluster.events[1] = [order("b", "1", "2.50")]
    worker = Worker(cluster).run(0, 1)
    due_for_a_snapshot(worker)
    assert totals(cluster) == {
        "events": 3, "customers": 2, "orders": 2, "revenue": "12.50", "dead_letters": 0,
    }  # fmt: skip
    assert cluster.commits[-1].membership == 1


def test_a_partition_assigned_again_unchanged_goes_on_and_counts_no_event_twice() -> None:
    """Its uncommitted events stay in memory: they are neither read again nor lost."""
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    kept = worker.partitions[0]
    cluster.events[0] = [visit("a"), visit("a"), (b"a", b"rubbish")]
    worker.session.step()
    worker.consumer.revoke(0)
    worker.consumer.assign(0)
    worker.step_until_committed()
    due_for_a_snapshot(worker)
    assert worker.partitions[0] is kept
    assert (totals(cluster)["events"], totals(cluster)["dead_letters"]) == (2, 1)
    assert len(cluster.values(cluster.topics.dead_letters)) == 1


def test_records_of_a_poll_that_noted_a_rebalance_are_read_again_and_counted_once() -> None:
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    cluster.events[0] = [visit("a"), visit("b")]

    def rebalance() -> None:
        worker.consumer.before_return = lambda: None
        worker.consumer.revoke(0)
        worker.consumer.assign(0)

    worker.consumer.before_return = rebalance
    worker.session.step()
    assert worker.partitions[0].state.totals().events == 0
    worker.step_until_committed()
    due_for_a_snapshot(worker)
    assert totals(cluster)["events"] == 2


def test_a_partition_that_another_member_had_meanwhile_is_restored() -> None:
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    stale = worker.partitions[0]
    cluster.events[0] = [visit("a")]
    worker.session.step()
    worker.consumer.revoke(0)
    worker.session.step()

    Worker(cluster).run(0)  # The other member ingests the same event, and one more.
    cluster.events[0].append(visit("b"))
    worker.consumer.assign(0)
    worker.step_until_committed()
    due_for_a_snapshot(worker)
    assert worker.partitions[0] is not stale
    assert totals(cluster)["events"] == 2


def test_a_lost_partition_is_dropped_and_restored_when_it_is_assigned_again() -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit("a")]
    worker = Worker(cluster).run(0)
    lost = worker.partitions[0]
    worker.consumer.lose(0)
    worker.session.step()
    assert worker.partitions == {}
    worker.consumer.assign(0)
    worker.step_until_committed()
    assert worker.partitions[0] is not lost
    assert worker.partitions[0].state.totals().events == 1


def test_nothing_is_committed_for_a_revoked_partition() -> None:
    cluster = FakeCluster(2)
    worker = Worker(cluster).run(0, 1)
    cluster.events[0], cluster.events[1] = [visit("a")], [visit("b")]
    worker.session.step()
    worker.consumer.revoke(0, 1)
    before = len(cluster.commits)
    worker.step_until_committed()
    assert len(cluster.commits) == before
    worker.consumer.assign(1)
    worker.step_until_committed()
    assert {number for commit in cluster.commits[before:] for number in commit.offsets} == {1}


def test_a_partition_assigned_to_another_member_is_dropped() -> None:
    cluster = FakeCluster(2)
    worker = Worker(cluster).run(0, 1)
    worker.consumer.revoke(0, 1)
    worker.consumer.assign(1)
    worker.step_until_committed()
    assert list(worker.partitions) == [1]


def test_a_restore_that_a_rebalance_interrupts_starts_again() -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit(f"c{n}") for n in range(5_000)]
    Worker(cluster).run(0)
    worker = Worker(cluster)
    worker.consumer.assign(0)
    worker.session.step()
    restoring = worker.partitions[0]
    assert restoring.lifecycle is Lifecycle.RESTORING
    worker.consumer.revoke(0)
    worker.consumer.assign(0)
    worker.step_until_committed()
    assert worker.partitions[0] is not restoring
    assert worker.partitions[0].state.totals().events == 5_000


def test_nothing_is_committed_while_a_partition_is_being_restored() -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit(f"c{n}") for n in range(5_000)]
    Worker(cluster).run(0)
    before = len(cluster.commits)
    worker = Worker(cluster)
    worker.consumer.assign(0)
    worker.session.step()
    cluster.now_s += COMMIT_INTERVAL_S
    worker.session.commit()
    assert len(cluster.commits) == before


@pytest.mark.parametrize("step", ["begin", "before commit", "after commit"])
def test_after_a_commit_that_fails_the_next_session_is_exact(step: str) -> None:
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    cluster.events[0] = [visit("a"), visit("a"), order("a", "1", "3.00"), (None, b"rubbish")]
    worker.session.step()
    cluster.fail_at[step] = retriable
    with pytest.raises(Retriable):
        worker.session.commit()

    due_for_a_snapshot(Worker(cluster).run(0))
    assert totals(cluster) == {
        "events": 3, "customers": 1, "orders": 1, "revenue": "3.00", "dead_letters": 1,
    }  # fmt: skip
    assert len(cluster.values(cluster.topics.dead_letters)) == 1


def test_a_fenced_worker_ends_if_another_process_has_its_instance_id() -> None:
    """Otherwise the two would fence each other for ever."""
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    cluster.events[0] = [visit("a")]
    worker.session.step()
    cluster.fail_at["before commit"] = fenced
    waited = 0

    def answer() -> None:
        nonlocal waited
        waited += 1
        cluster.now_s += 1.0
        if waited == 2:
            raise Fatal("the same instance id")

    worker.consumer.before_return = answer
    with pytest.raises(Fatal, match="the same instance id"):
        worker.session.commit()


def test_a_fenced_worker_that_keeps_its_instance_id_begins_a_new_session() -> None:
    """Its transaction only timed out."""
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    cluster.events[0] = [visit("a")]
    worker.session.step()
    cluster.fail_at["before commit"] = fenced

    def wait() -> None:
        cluster.now_s += 1.0

    worker.consumer.before_return = wait
    with pytest.raises(Retriable):
        worker.session.commit()


def test_sequences_continue_across_sessions_and_owners() -> None:
    cluster = FakeCluster(2)
    for _ in range(3):
        worker = Worker(cluster).run(0, 1)
        due_for_a_snapshot(worker)
        due_for_a_snapshot(worker)
    sequences = [json.loads(value)["sequence"] for value in cluster.values(cluster.topics.snapshots)]
    assert sequences == list(range(1, len(sequences) + 1))


def test_a_snapshot_is_emitted_even_if_no_partition_moves() -> None:
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    before = len(cluster.values(cluster.topics.snapshots))
    due_for_a_snapshot(worker)
    due_for_a_snapshot(worker)
    assert len(cluster.values(cluster.topics.snapshots)) == before + 2


def test_without_a_snapshot_due_a_partition_that_did_not_move_is_not_committed() -> None:
    cluster = FakeCluster(2)
    worker = Worker(cluster).run(0, 1)
    before = len(cluster.commits)
    cluster.events[1] = [visit("b")]
    worker.step_until_committed()
    assert [set(commit.offsets) for commit in cluster.commits[before:]] == [{1}]


def test_only_the_owner_of_partition_0_emits_snapshots() -> None:
    cluster = FakeCluster(2)
    cluster.events[1] = [visit("b")]
    worker = Worker(cluster).run(1)
    due_for_a_snapshot(worker)
    assert cluster.values(cluster.topics.snapshots) == []


def test_a_snapshot_counts_the_partitions_that_report() -> None:
    cluster = FakeCluster(2)
    due_for_a_snapshot(Worker(cluster).run(0))
    first = json.loads(cluster.values(cluster.topics.snapshots)[-1])
    Worker(cluster).run(1)
    due_for_a_snapshot(Worker(cluster).run(0))
    second = json.loads(cluster.values(cluster.topics.snapshots)[-1])
    assert [each["next_offset"] for each in first["coverage"]["partitions"]] == [0, None]
    assert [each["next_offset"] for each in second["coverage"]["partitions"]] == [0, 0]
    assert (first["coverage"]["complete"], second["coverage"]["complete"]) == (False, True)


def test_until_end_finishes_with_a_snapshot_of_all_records_at_the_start() -> None:
    cluster = FakeCluster(2)
    cluster.events[0], cluster.events[1] = [visit("a")] * 7, [visit("b")] * 5
    worker = Worker(cluster, until_end=True)
    worker.consumer.max_poll_records = 2
    worker.consumer.assign(0, 1)
    steps_until_finished(worker)
    assert worker.session.finished
    assert totals(cluster)["events"] == 12


def test_until_end_does_not_wait_for_the_next_commit_once_all_is_read() -> None:
    cluster = FakeCluster(2)
    cluster.events[0], cluster.events[1] = [visit("a")] * 7, [visit("b")] * 5
    worker = Worker(cluster, until_end=True)
    worker.consumer.max_poll_records = 2
    worker.consumer.assign(0, 1)
    for _ in range(20):
        worker.session.step()
    assert worker.session.finished
    assert cluster.now_s == 0
    assert [commit.offsets for commit in cluster.commits[-2:]] == [{0: 7, 1: 5}, {0: 7}], "records, snapshot"


def test_until_end_soon_notices_that_other_members_have_finished() -> None:
    cluster = FakeCluster(2)
    cluster.events[0], cluster.events[1] = [visit("a")], [visit("b")]
    worker = Worker(cluster, until_end=True).run(0)
    other = Worker(cluster, until_end=True)
    other.consumer.assign(1)
    for _ in range(20):
        other.session.step()
    assert not worker.session.finished
    cluster.now_s += COMMIT_INTERVAL_S / 4
    for _ in range(2):
        worker.session.step()
    assert worker.session.finished


def test_until_end_waits_for_the_partitions_of_other_members() -> None:
    cluster = FakeCluster(2)
    cluster.events[0], cluster.events[1] = [visit("a")], [visit("b")]
    worker = Worker(cluster, until_end=True).run(0)
    worker.step_until_committed()
    alone = worker.session.finished
    Worker(cluster).run(1)
    worker.step_until_committed()
    worker.step_until_committed()
    assert (alone, worker.session.finished) == (False, True)
    assert totals(cluster)["events"] == 2


def steps_until_finished(worker: Worker, steps: int = 100) -> None:
    for _ in range(steps):
        if worker.session.finished:
            return
        worker.cluster.now_s += 0.1
        worker.session.step()
    pytest.fail("it does not finish")


def with_open_transaction(cluster: FakeCluster, at: int) -> None:
    """A producer's transaction is open on events partition 0 from this offset on, and records are behind it."""
    cluster.undecided[cluster.topics.events, 0] = at
    cluster.readable_to[0] = at


def test_records_behind_an_open_transaction_are_named_in_the_log_the_metric_and_the_coverage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit("a")] * 9
    worker = Worker(cluster, blocked_after_s=20.0)
    with_open_transaction(cluster, 4)
    worker.run(0)
    for _ in range(3):
        due_for_a_snapshot(worker)
    covered = json.loads(cluster.values(cluster.topics.snapshots)[-1])["coverage"]
    assert covered["partitions"][0]["blocked_s"] is None, "not for too long yet"
    for _ in range(5):
        due_for_a_snapshot(worker)
    covered = json.loads(cluster.values(cluster.topics.snapshots)[-1])["coverage"]
    assert (covered["complete"], covered["lag_records"]) == (False, 5)
    assert covered["behind_s"] == covered["partitions"][0]["blocked_s"] >= 20
    assert worker.metric("ltv_blocked_by_transaction_seconds", partition="0") >= 20
    log = capsys.readouterr().out
    assert log.count("an open transaction holds back records") == 1
    assert "offset=4" in log

    del cluster.undecided[cluster.topics.events, 0], cluster.readable_to[0]
    for _ in range(2):
        due_for_a_snapshot(worker)
    covered = json.loads(cluster.values(cluster.topics.snapshots)[-1])["coverage"]
    assert (covered["complete"], covered["lag_records"]) == (True, 0)
    assert worker.metric("ltv_blocked_by_transaction_seconds", partition="0") == 0


def read_when_decided(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the worker's reader wait while a transaction is open on the partition that it reads."""
    reader = worker.session._clients.reader
    read = reader.read

    def wait_and_read(topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        while (topic, partition) in worker.cluster.undecided:
            yield []
        yield from read(topic, partition, start, end)

    monkeypatch.setattr(reader, "read", wait_and_read)


def test_an_open_transaction_that_holds_back_a_restore_is_named_in_the_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit("a")]
    Worker(cluster).run(0)
    changelog = cluster.topics.changelog
    end = cluster.logs[changelog, 0].end
    cluster.logs[changelog, 0].end += 3
    cluster.undecided[changelog, 0] = end
    successor = Worker(cluster)
    read_when_decided(successor, monkeypatch)
    successor.consumer.assign(0)
    for _ in range(300):
        cluster.now_s += 0.125
        successor.session.step()
    lines = [line for line in capsys.readouterr().out.splitlines() if "holds back a restore" in line]
    assert [line.split("waited_s=")[1].split()[0] for line in lines] == ["5", "10", "20"]
    assert all(f"topic={changelog}" in line and f"offset={end}" in line for line in lines)
    assert all("partition=0" in line and "kafka-transactions.sh" in line for line in lines)

    del cluster.undecided[changelog, 0]
    successor.step_until_committed()
    assert successor.partitions[0].lifecycle is Lifecycle.RUNNING


def test_a_restore_that_waits_without_an_open_transaction_names_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeCluster()
    cluster.logs[cluster.topics.changelog, 0].end = 3
    worker = Worker(cluster)
    monkeypatch.setattr(worker.session._clients.reader, "read", lambda *_: iter([[]] * 300))
    worker.consumer.assign(0)
    for _ in range(300):
        cluster.now_s += 0.1
        worker.session.step()
    assert "holds back a restore" not in capsys.readouterr().out


def test_transactions_that_end_in_time_are_not_named() -> None:
    cluster = FakeCluster()
    worker = Worker(cluster, blocked_after_s=20.0).run(0)
    for number in range(20):
        cluster.events[0] += [visit("a")] * 3
        with_open_transaction(cluster, 3 * number + 1)
        due_for_a_snapshot(worker)
    covered = json.loads(cluster.values(cluster.topics.snapshots)[-1])["coverage"]
    assert covered["partitions"][0]["blocked_s"] is None


def test_until_end_waits_for_an_open_transaction_and_then_fails() -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit("a")] * 9
    with_open_transaction(cluster, 4)
    worker = Worker(cluster, until_end=True, blocked_after_s=20.0).run(0)
    with pytest.raises(
        Fatal, match=r"open transaction at offset 4 has held back 5 records for longer than .* 20:"
    ):
        steps_until_finished(worker, steps=600)
    assert not worker.session.finished
    assert cluster.now_s >= 20
    assert cluster.commits[-1].offsets == {0: 4}, "what comes before is committed"


def test_until_end_finishes_when_the_transaction_ends_in_time() -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit("a")] * 9
    with_open_transaction(cluster, 4)
    worker = Worker(cluster, until_end=True, blocked_after_s=20.0).run(0)
    for _ in range(15):
        cluster.now_s += 1
        worker.session.step()
    assert not worker.session.finished
    del cluster.undecided[cluster.topics.events, 0], cluster.readable_to[0]
    steps_until_finished(worker)
    assert totals(cluster)["events"] == 9


def test_until_end_does_not_wait_for_transactions_that_began_after_its_end() -> None:
    cluster = FakeCluster(2)
    cluster.events[0], cluster.events[1] = [visit("a")] * 4, [visit("b")] * 9
    cluster.readable_to[1] = 5  # A slow partition.
    worker = Worker(cluster, until_end=True, blocked_after_s=20.0).run(0, 1)
    cluster.events[0] += [visit("a")] * 3
    with_open_transaction(cluster, 4)
    for _ in range(60):
        cluster.now_s += 1
        worker.session.step()
    del cluster.readable_to[1]
    steps_until_finished(worker)


def test_until_end_without_new_records_emits_a_snapshot_with_the_present_settings() -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit("a")]
    due_for_a_snapshot(Worker(cluster).run(0))
    worker = Worker(cluster, until_end=True, basis="timeframe", top=3)
    worker.session.step()  # Nothing is assigned yet.
    worker.consumer.assign(0)
    steps_until_finished(worker)
    last = json.loads(cluster.values(cluster.topics.snapshots)[-1])
    assert (last["basis"], last["x"], last["coverage"]["complete"]) == ("timeframe", 3, True)


def test_until_end_does_not_finish_without_an_assignment_between_two_assignments() -> None:
    """A rebalance begins, as the other members leave, before the owner of partition 0 has emitted the last snapshot."""
    cluster = FakeCluster(2)
    cluster.events[0], cluster.events[1] = [visit("a")], [visit("b")]
    worker = Worker(cluster, until_end=True).run(0)
    Worker(cluster).run(1)
    worker.consumer.revoke(0)
    worker.step_until_committed()
    before = worker.session.finished
    worker.consumer.assign(0, 1)
    steps_until_finished(worker)
    assert not before
    assert totals(cluster)["events"] == 2


def test_until_end_waits_for_partials_on_its_own_basis() -> None:
    cluster = FakeCluster(2)
    cluster.events[0], cluster.events[1] = [visit("a")], [visit("b")]
    Worker(cluster).run(0, 1)
    worker = Worker(cluster, until_end=True, basis="timeframe").run(0)
    worker.step_until_committed()
    alone = worker.session.finished
    Worker(cluster, basis="timeframe").run(1)
    steps_until_finished(worker)
    assert not alone
    assert json.loads(cluster.values(cluster.topics.snapshots)[-1])["coverage"]["complete"]


def test_a_commit_over_the_dead_letter_limit_writes_no_record() -> None:
    cluster = FakeCluster()
    worker = Worker(cluster, max_dead_letters=1).run(0)
    before = len(cluster.commits)
    cluster.events[0] = [visit("a"), (b"a", b"1"), (b"a", b"2")]
    worker.session.step()
    with pytest.raises(Fatal, match="--max-dead-letters 1"):
        worker.session.commit()
    assert len(cluster.commits) == before
    assert cluster.values(cluster.topics.dead_letters) == []


def test_consecutive_dead_letters_are_counted_over_commits_and_restarts() -> None:
    """Nobody gets them past the limit by starting again and again."""
    cluster = FakeCluster()
    cluster.events[0] = [visit("a"), (b"a", b"1"), (b"a", b"2")]
    Worker(cluster, max_consecutive_dead_letters=3).run(0)
    cluster.events[0] += [(b"a", b"3"), (b"a", b"4"), visit("a")]
    for _ in range(2):
        with pytest.raises(Fatal, match="4 invalid events follow each other, more than"):
            Worker(cluster, max_consecutive_dead_letters=3).run(0)
        assert len(cluster.values(cluster.topics.dead_letters)) == 2
    assert totals(cluster)["events"] == 1
    worker = Worker(cluster).run(0)
    assert len(cluster.values(cluster.topics.dead_letters)) == 4
    assert worker.metrics.total("ltv_consecutive_dead_letters") == 0


@pytest.mark.parametrize(
    ("records", "first"),
    [
        ([(b"a", b"x" * 300)] * 5, 2),
        ([visit(f"c{n}") for n in range(5)], 4),
        ([order("a", str(n), "1.00") for n in range(9)], 4),
    ],
    ids=["dead letters", "customers", "orders"],
)
def test_a_commit_is_cut_by_bytes_in_the_middle_of_a_poll_and_a_restart_goes_on_there(
    records: list[tuple[bytes, bytes]], first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consumer.stream.session.MAX_COMMIT_BYTES", 300)
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    worker.consumer.chunk_records = 2
    before = len(cluster.commits)
    cluster.events[0] = list(records)
    worker.session.step()
    assert [commit.offsets[0] for commit in cluster.commits[before:]] == [first]
    worker.session.step()
    assert worker.consumer.stays == 1, "it polls on while records wait"

    restarted = Worker(cluster).run(0)
    for _ in range(20):
        restarted.session.step()
    due_for_a_snapshot(restarted)
    found = totals(cluster)
    assert found["events"] + found["dead_letters"] == len(records)
    assert len(cluster.values(cluster.topics.dead_letters)) == found["dead_letters"]
    assert restarted.partitions[0].next_offset == len(records)


def test_commits_slower_than_their_interval_leave_time_to_ingest_what_was_polled() -> None:
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    worker.consumer.chunk_records = 1

    def slow_network() -> None:
        cluster.now_s += 2 * COMMIT_INTERVAL_S
        cluster.fail_at["before commit"] = slow_network

    slow_network()
    cluster.events[0] = [visit(f"c{n}") for n in range(50)]
    for _ in range(3):
        cluster.now_s += COMMIT_INTERVAL_S / 2
        worker.session.step()
    assert cluster.commits[-1].offsets[0] == 50


def test_a_rebalance_while_polled_records_wait_reads_them_again_and_counts_them_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("consumer.stream.session.MAX_COMMIT_BYTES", 300)
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    worker.consumer.chunk_records = 2
    cluster.events[0] = [visit(f"c{n}") for n in range(9)]
    worker.session.step()
    worker.consumer.revoke(0)
    worker.consumer.assign(0)
    worker.step_until_committed()
    due_for_a_snapshot(worker)
    assert totals(cluster)["events"] == 9


def unreadable(first: int, last: int) -> UnreadableBatch:
    error = InvalidEvent("oversize_batch", "", "the batch unpacks to more than 9 bytes")
    return UnreadableBatch(first, last, last - first + 1, 5, b"compressed", error)


def test_a_batch_that_cannot_be_read_is_one_dead_letter_and_counts_as_its_records() -> None:
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    worker.consumer.unreadable[0] = [unreadable(2, 5)]
    cluster.events[0] = [visit("a"), visit("a"), *[(None, b"")] * 4, visit("a")]
    worker.step_until_committed()
    due_for_a_snapshot(worker)
    assert (totals(cluster)["events"], totals(cluster)["dead_letters"]) == (3, 4)
    assert cluster.values(cluster.topics.dead_letters) == [b"compressed"]
    restored = Worker(cluster).run(0)
    due_for_a_snapshot(restored)
    assert (totals(cluster)["events"], totals(cluster)["dead_letters"]) == (3, 4)


def rewriting(cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker in the middle of a rewrite that takes many commits."""
    monkeypatch.setattr("consumer.stream.partition.REWRITE_PART_BYTES", 1)
    monkeypatch.setattr("consumer.domain.packing.ROWS_PER_RECORD", 3)
    cluster.events[0] = [order(f"c{n % 40}", str(n), "1.00") for n in range(80)]
    worker = Worker(cluster).run(0)
    monkeypatch.setattr("consumer.stream.partition.MIN_REWRITE_BYTES", 2_000)
    worker.step_until_committed()
    while not worker.partitions[0].rewrite:
        cluster.events[0].append(order("c1", "1", "2.00", day=2))
        worker.step_until_committed()
    return worker


def next_totals(cluster: FakeCluster, worker: Worker) -> tuple[str, int]:
    """Revenue and orders of the next snapshot."""
    due_for_a_snapshot(worker)
    found = totals(cluster)
    return found["revenue"], found["orders"]


@pytest.mark.parametrize("commits", [0, 1, 5, 30])
def test_a_rewrite_goes_over_several_commits_and_a_kill_within_it_or_after_it_loses_nothing(
    commits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = FakeCluster()
    worker = rewriting(cluster, monkeypatch)
    trimmed = len(cluster.trimmed)
    for n in range(commits):
        cluster.events[0] += [order("c2", "2", f"{n}.00", day=9), order(f"new{n}", "o", "1.00")]
        worker.step_until_committed()
    assert (len(cluster.trimmed) > trimmed) == (commits == 30)
    before = next_totals(cluster, worker)
    restarted = Worker(cluster).run(0)
    assert next_totals(cluster, restarted) == before
    while len(cluster.trimmed) < trimmed + 2:
        cluster.events[0].append(order("c3", "3", "5.00", day=10))
        restarted.step_until_committed()
    assert next_totals(cluster, Worker(cluster).run(0)) == next_totals(cluster, restarted)


def test_a_rewrite_goes_on_while_no_event_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    worker = rewriting(cluster, monkeypatch)
    for _ in range(40):
        worker.step_until_committed()
    assert worker.partitions[0].rewrite is None


def test_a_changelog_that_begins_within_a_rewrite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has deleted records: a part of the state is gone."""
    cluster = FakeCluster()
    worker = rewriting(cluster, monkeypatch)
    log = cluster.logs[cluster.topics.changelog, 0]
    first_of_rewrite = next(r.offset for r in log.records if b'"part":1,' in (r.value or b""))
    for before_offset, what in (
        (first_of_rewrite, "with a part of a table"),
        (log.end - 3, "without a whole table"),
    ):
        log.records = [record for record in log.records if record.offset >= before_offset]
        log.start = log.records[0].offset
        with pytest.raises(Fatal, match=what):
            Worker(cluster).run(0)
    assert worker.partitions[0].rewrite


def test_a_rewrite_trims_the_changelog_and_keeps_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("consumer.stream.partition.MIN_REWRITE_BYTES", 2_000)
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    for n in range(100):
        cluster.events[0].append(order(f"c{n % 5}", str(n), "1.00"))
        worker.step_until_committed()
    changelog = cluster.topics.changelog
    starts = [before for topic, _, before in cluster.trimmed if topic == changelog]
    assert len(starts) > 1
    assert starts == sorted(set(starts))
    restored = Worker(cluster).run(0)
    due_for_a_snapshot(restored)
    assert totals(cluster) == {
        "events": 100, "customers": 5, "orders": 100, "revenue": "100.00", "dead_letters": 0,
    }  # fmt: skip


def test_of_partitions_due_for_a_rewrite_each_commit_rewrites_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("consumer.stream.partition.MIN_REWRITE_BYTES", 2_000)
    cluster = FakeCluster(2)
    worker = Worker(cluster).run(0, 1)
    rewritten = []
    for n in range(100):
        for number in (0, 1):
            cluster.events[number].append(order(f"c{number}", str(n), "1.00"))
        trims = len(cluster.trimmed)
        worker.step_until_committed()
        rewritten.append([number for _, number, _ in cluster.trimmed[trims:]])
    assert max(map(len, rewritten)) == 1
    assert {0, 1} == {number for numbers in rewritten for number in numbers}


def test_a_changelog_of_another_group_is_refused() -> None:
    cluster = FakeCluster()
    Worker(cluster, group="one").run(0)
    with pytest.raises(Fatal, match=r"belongs to group 'one'.*--prefix"):
        Worker(cluster, group="other").run(0)


def test_an_events_topic_that_ends_before_the_next_offset_is_refused() -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit("a"), visit("b")]
    Worker(cluster).run(0)
    cluster.events[0] = [visit("a")]
    with pytest.raises(Fatal, match=r"ltv\.events-0 ends at offset 1.*recreated"):
        Worker(cluster).run(0)


def test_a_new_owner_of_the_series_waits_for_partials_behind_an_open_transaction() -> None:
    """The last snapshot counts the partial of partition 1, which is behind another member's open transaction."""
    cluster = FakeCluster(2)
    cluster.events[1] = [visit("a"), visit("b")]
    due_for_a_snapshot(Worker(cluster).run(0, 1))
    cluster.undecided[cluster.topics.partials, 0] = 0
    due_for_a_snapshot(Worker(cluster).run(0))
    assert totals(cluster)["events"] == 2


def test_a_snapshot_of_a_newer_program_is_refused_in_one_line() -> None:
    cluster = FakeCluster()
    log = cluster.logs[cluster.topics.snapshots, 0]
    log.records.append(log_record(cluster.topics.snapshots, 0, 0, b"top", b'{"schema_version":99}'))
    log.end = 2
    with pytest.raises(
        Fatal, match=r"ltv\.snapshots-0 at offset 0: .*schema version 99.*install a newer ltv"
    ):
        Worker(cluster).run(0)


def test_a_look_for_open_transactions_that_fails_does_not_end_the_session(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = FakeCluster(2)
    worker = Worker(cluster).run(1)

    def no_leader(topic: str, partitions: object, timeout_s: float) -> dict[int, tuple[int, int]]:
        raise Retriable("a partition has no leader")

    worker.session._clients.reader.both_ends = no_leader  # type: ignore[method-assign]
    cluster.events[1] = [visit("a")]
    cluster.now_s += 10
    worker.step_until_committed()
    assert cluster.commits[-1].offsets == {1: 1}
    assert "can't look for open transactions now" in capsys.readouterr().out
