"""The registries, docs/metrics.md and the catalogue name the same metrics, and these say what is true."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Gauge, Histogram, generate_latest

from cluster.fetched import Record
from consumer.health import SILENT_AFTER_S, HealthAnswer, WorkerHealth
from consumer.metric_catalogue import PARENT_METRICS, PUBLISHER_METRICS, WORKER_METRICS
from consumer.metrics import Metrics
from consumer.stream.minute_summary import INTERVAL_S, MinuteSummary
from contract.errors import Retriable
from contract.native_core import core_in_use
from dashboard.dashboard_metrics import DASHBOARD_METRICS, DashboardMetrics
from tests.unit.fake_cluster import FakeCluster, FakeReader, retriable
from tests.unit.test_session import Worker, due_for_a_snapshot, order, visit
from web.catalogued_registry import CataloguedRegistry, CatalogueEntry

CATALOGUE = {
    entry.name: entry for entry in (*WORKER_METRICS, *PARENT_METRICS, *PUBLISHER_METRICS, *DASHBOARD_METRICS)
}
DOCUMENT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
UNITS = {"_seconds": "seconds", "_bytes": "bytes", "_seconds_total": "seconds", "_bytes_total": "bytes"}


def exposed(metrics: Metrics | DashboardMetrics) -> str:
    return generate_latest(metrics.registry).decode()


def row(entry: CatalogueEntry) -> str:
    labels = ", ".join(f"`{label}`" for label in entry.labels)
    return f"| `{entry.name}` | {entry.kind} | {entry.unit} | {labels} | {entry.meaning} |"


@pytest.mark.parametrize(
    ("made", "entries"), [(Metrics, WORKER_METRICS), (DashboardMetrics, DASHBOARD_METRICS)]
)
def test_a_registry_has_every_metric_of_its_catalogue_and_those_of_the_process_only(
    made: type[Metrics] | type[DashboardMetrics], entries: tuple[CatalogueEntry, ...]
) -> None:
    families = [family for family in made().registry.collect() if not family.name.startswith("process_")]
    names = {f"{each.name}_total" if each.type == "counter" else each.name: each.type for each in families}
    assert names == {entry.name: entry.kind for entry in entries}


def test_the_document_has_every_row_of_the_catalogue_and_no_other() -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| `ltv_")]
    assert rows == [row(each) for each in CATALOGUE.values()]


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda entry: str(entry.name))
def test_a_name_ends_with_its_kind_and_its_unit(entry: CatalogueEntry) -> None:
    assert entry.name.endswith("_total") == (entry.kind == "counter")
    for ending, unit in UNITS.items():
        if entry.name.endswith(ending):
            assert entry.unit.startswith(unit)


def test_a_metric_that_is_made_twice_or_as_another_kind_is_an_error() -> None:
    made = CataloguedRegistry(WORKER_METRICS)
    with pytest.raises(TypeError, match="ltv_ready is a gauge"):
        made.counter("ltv_ready")
    made.gauge("ltv_customers")
    with pytest.raises(KeyError):
        made.gauge("ltv_customers")


@pytest.mark.parametrize("made", [Metrics, DashboardMetrics])
def test_nothing_says_when_it_was_created(made: type[Metrics] | type[DashboardMetrics]) -> None:
    assert "_created" not in exposed(made())


def test_the_process_and_the_build_are_described() -> None:
    text = exposed(Metrics())
    assert "process_resident_memory_bytes" in text
    assert f'ltv_build_info{{core="{core_in_use()}",' in text


def test_events_are_counted_by_type_and_dead_letters_by_reason_once_they_are_committed() -> None:
    cluster = FakeCluster(2)
    worker = Worker(cluster).run(0, 1)
    cluster.events[0] = [visit("a"), visit("b"), (b"a", b"rubbish"), (b"a", None)]
    cluster.events[1] = [order("c", "1", "1.00")]
    worker.session.step()
    assert worker.metric("ltv_events_total", type="SITE_VISIT") == 0
    worker.step_until_committed()
    assert worker.metric("ltv_events_total", type="SITE_VISIT") == 2
    assert worker.metric("ltv_events_total", type="ORDER") == 1
    assert worker.metric("ltv_events_total", type="CUSTOMER") == 0
    assert worker.metric("ltv_dead_letters_total", reason="undecodable") == 1
    assert worker.metric("ltv_dead_letters_total", reason="empty") == 1
    assert worker.metric("ltv_records_total") == 5


def test_events_of_a_customer_on_the_wrong_partition_are_dead_letters_and_no_events() -> None:
    cluster = FakeCluster(2)
    worker = Worker(cluster, partitioner="murmur2").run(0, 1)
    for number in (0, 1):
        cluster.events[number] = [visit(customer) for customer in "abcdefgh"]
    worker.step_until_committed()
    misplaced = worker.metric("ltv_dead_letters_total", reason="wrong_partition")
    assert misplaced == 8
    assert worker.metric("ltv_events_total", type="SITE_VISIT") == 16 - misplaced


def test_the_lag_counts_what_is_not_committed_and_is_0_once_all_is() -> None:
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    assert worker.metric("ltv_lag_records", partition="0") == 0
    cluster.readable_to[0] = 1
    cluster.events[0] = [visit("a"), visit("b"), visit("c")]
    for _ in range(3):
        worker.step_until_committed()
    assert worker.metric("ltv_lag_records", partition="0") == 2
    assert worker.metric("ltv_lag_seconds", partition="0") >= 1
    del cluster.readable_to[0]
    worker.step_until_committed()
    worker.step_until_committed()
    assert worker.metric("ltv_lag_records", partition="0") == 0
    assert worker.metric("ltv_lag_seconds", partition="0") == 0


def test_the_lag_is_0_where_only_markers_and_aborted_records_are_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    cluster.readable_to[0] = 0
    cluster.events[0] = [visit("aborted")] * 3

    def none_is_committed(_self: FakeReader, *_place: object) -> Record | None:
        return None

    monkeypatch.setattr(FakeReader, "first_record", none_is_committed)
    worker.step_until_committed()
    worker.step_until_committed()
    assert worker.metric("ltv_lag_records", partition="0") == 0
    assert worker.metric("ltv_lag_seconds", partition="0") == 0


@pytest.mark.parametrize("partitions", [(0,), ()])
def test_a_cluster_that_does_not_answer_makes_the_worker_not_ready_until_it_answers(
    monkeypatch: pytest.MonkeyPatch, partitions: tuple[int, ...]
) -> None:
    """Also a worker without a partition."""
    cluster = FakeCluster()
    worker = Worker(cluster).run(*partitions)
    monkeypatch.setattr(worker.health, "_clock", cluster.clock)
    worker.session._series = None  # Its snapshots ask the cluster, too, and end the session.
    with monkeypatch.context() as patched:
        patched.setattr(FakeReader, "committed_ends", lambda *_: retriable())
        worker.health.cluster_answered()
        cluster.now_s += SILENT_AFTER_S
        worker.session.commit()
        assert worker.health.ready().ok
        cluster.now_s += 1.0
        worker.session.commit()
        assert worker.health.ready() == HealthAnswer(False, "the cluster has not answered for 16 s")
    cluster.now_s += 5.0
    worker.session.commit()
    assert worker.health.ready().ok


def test_the_age_of_event_time_goes_by_the_latest_event() -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit("a", day=1)]
    worker = Worker(cluster).run(0)
    cluster.now_s = 3600.0
    worker.step_until_committed()
    assert worker.metric("ltv_event_time_age_seconds", partition="0") == pytest.approx(3601, abs=1)


def test_a_commit_that_fails_is_counted_as_aborted() -> None:
    cluster = FakeCluster()
    worker = Worker(cluster).run(0)
    cluster.events[0] = [visit("a")]
    worker.session.step()
    before = worker.metric("ltv_commits_total")
    cluster.fail_at["before commit"] = retriable
    with pytest.raises(Retriable):
        worker.session.commit()
    assert worker.metric("ltv_aborted_commits_total") == 1
    assert worker.metric("ltv_commits_total") == before


def test_each_partition_has_one_state_and_none_after_it_is_gone() -> None:
    cluster = FakeCluster(2)
    worker = Worker(cluster).run(0, 1)
    assert worker.metric("ltv_partition_state", partition="1", state="running") == 1
    assert worker.metric("ltv_partition_state", partition="1", state="restoring") == 0
    worker.consumer.revoke(0, 1)
    worker.session.step()
    assert worker.metric("ltv_partition_state", partition="1", state="suspended") == 1
    worker.consumer.assign(0)
    worker.step_until_committed()
    assert 'partition="1",state' not in exposed(worker.metrics)


def test_the_records_left_to_restore_fall_to_none() -> None:
    cluster = FakeCluster()
    cluster.events[0] = [visit(f"c{n}") for n in range(5_000)]
    Worker(cluster).run(0)
    worker = Worker(cluster)
    worker.consumer.assign(0)
    for _ in range(2):
        worker.session.step()
        if "ltv_restore_records_left{" in exposed(worker.metrics):
            break
    assert "ltv_restore_records_left{" in exposed(worker.metrics)
    assert worker.health.ready().reason == "restoring"
    worker.step_until_committed()
    assert "ltv_restore_records_left{" not in exposed(worker.metrics)


def test_the_snapshot_is_described_by_the_worker_that_emits_it_only() -> None:
    cluster = FakeCluster(2)
    worker = Worker(cluster).run(0, 1)
    due_for_a_snapshot(worker)
    newest = json.loads(cluster.values(cluster.topics.snapshots)[-1])
    assert worker.metric("ltv_snapshot_sequence") == newest["sequence"]
    assert (
        worker.metric("ltv_snapshot_timestamp_seconds")
        == datetime.fromisoformat(newest["emitted_at"]).timestamp()
    )
    worker.consumer.revoke(0, 1)
    worker.consumer.assign(1)
    worker.step_until_committed()
    assert worker.metric("ltv_snapshot_sequence") == 0
    assert worker.metric("ltv_snapshot_timestamp_seconds") == 0


def test_a_loop_that_does_not_turn_is_not_alive_and_a_restoring_one_is() -> None:
    now_s = 0.0
    health = WorkerHealth(10.0, clock=lambda: now_s)
    health.is_not_ready("restoring")
    now_s = 10.0
    assert health.live().ok
    now_s = 10.5
    assert (health.live().ok, health.live().reason) == (False, "the loop has not turned for 10 s")
    health.turned()
    assert health.live().ok
    assert (health.ready().ok, health.ready().reason) == (False, "restoring")


def test_the_summary_comes_once_a_minute_with_what_was_done_since(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    metrics = Metrics()
    summary = MinuteSummary(metrics, lambda: now.timestamp())
    metrics.events.labels("ORDER").inc(3)
    metrics.set_by_partition(metrics.lag, {4: 7})
    metrics.set_by_partition(metrics.lag_seconds, {4: 2.5})
    summary.log_if_due()
    assert capsys.readouterr().out == ""
    now += timedelta(seconds=INTERVAL_S)
    summary.log_if_due()
    summary.log_if_due()
    line = capsys.readouterr().out
    assert line.count("summary") == 1
    for part in ("events=3", "lag_records=7", "lag_s=2.5", "partitions=['4']", "commits=0"):
        assert part in line


def test_a_partition_that_is_no_longer_this_workers_has_no_lag() -> None:
    metrics = Metrics()
    metrics.set_by_partition(metrics.lag, {0: 1, 1: 2})
    metrics.set_by_partition(metrics.lag, {1: 3})
    assert metrics.labels_of("ltv_lag_records", "partition") == ["1"]
    assert metrics.total("ltv_lag_records") == 3
    metrics.clear_session()
    assert metrics.values("ltv_lag_records") == []


def test_a_commit_of_many_events_sets_no_more_metrics_than_one_of_a_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed = [0]

    def noting(change: Callable[..., None]) -> Callable[..., None]:
        def noted(*arguments: Any, **named: Any) -> None:
            changed[0] += 1
            change(*arguments, **named)

        return noted

    for made, name in ((Counter, "inc"), (Gauge, "set"), (Histogram, "observe")):
        monkeypatch.setattr(made, name, noting(getattr(made, name)))
    counts = []
    for events in (2, 200):
        cluster = FakeCluster()
        worker = Worker(cluster).run(0)
        cluster.events[0] = [visit("a") for _ in range(events)]
        changed[0] = 0
        worker.step_until_committed()
        assert worker.metric("ltv_events_total", type="SITE_VISIT") == events
        counts.append(changed[0])
    assert counts[0] == counts[1] > 0
