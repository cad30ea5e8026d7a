"""The metrics of a worker, and its health. `consumer/http_port.py` serves both."""

import platform
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Final, Literal, get_args

from prometheus_client import Gauge, ProcessCollector
from prometheus_client.samples import Sample

from consumer.health import WorkerHealth
from consumer.metric_catalogue import WORKER_METRICS
from consumer.stream.lifecycle import Lifecycle
from contract import native_core
from contract.events import BATCH_REASONS, EVENT_TYPES, REASONS
from contract.native_core import core_in_use
from contract.snapshots import Snapshot
from web.catalogued_registry import CataloguedRegistry

FailureCause = Literal["no_connection", "restore", "fenced", "cluster"]
"""Why a session fails: it could not connect; before it was ready; its transaction was taken over; later, otherwise."""
CUSTOMER_STATE_BYTES: Final = 402
ORDER_STATE_BYTES: Final = 140
"""Measured with 10^6 customers and 10^7 orders (docs/capacity.md)."""
NATIVE_CUSTOMER_STATE_BYTES: Final = 82
NATIVE_ORDER_STATE_BYTES: Final = 53
"""The same in the native core, with 10^6 customers and 4 x 10^6 orders, whose ids have 12 bytes."""
_STATES: Final = (Lifecycle.RESTORING, Lifecycle.RUNNING, Lifecycle.SUSPENDED)


class Metrics:
    """Every metric of a worker. Counters start at 0 with the process."""

    def __init__(self, health: WorkerHealth | None = None) -> None:
        made = CataloguedRegistry(WORKER_METRICS)
        self.registry = made.registry
        self.health = health or WorkerHealth()
        build = made.gauge("ltv_build_info")
        build.labels(version("ltv"), platform.python_version(), core_in_use()).set(1)
        self._ready = made.gauge("ltv_ready")
        self.partitions = made.gauge("ltv_partitions")
        self._state = made.gauge("ltv_partition_state")
        self.rebalances = made.counter("ltv_rebalances_total")
        self._customers = made.gauge("ltv_customers")
        self._orders = made.gauge("ltv_orders")
        self._state_bytes = made.gauge("ltv_state_bytes")
        self.records = made.counter("ltv_records_total")
        self.events = made.counter("ltv_events_total")
        self.dead_letters = made.counter("ltv_dead_letters_total")
        self.consecutive_dead_letters = made.gauge("ltv_consecutive_dead_letters")
        self.lag = made.gauge("ltv_lag_records")
        self.lag_seconds = made.gauge("ltv_lag_seconds")
        self.event_time_age = made.gauge("ltv_event_time_age_seconds")
        self.blocked = made.gauge("ltv_blocked_by_transaction_seconds")
        self.commits = made.counter("ltv_commits_total")
        self.aborted_commits = made.counter("ltv_aborted_commits_total")
        self.commit_seconds = made.histogram("ltv_commit_seconds")
        self.rank_seconds = made.histogram("ltv_rank_seconds")
        self.changelog_bytes = made.counter("ltv_changelog_bytes_total")
        self.changelog_rewrites = made.counter("ltv_changelog_rewrites_total")
        self.snapshots = made.counter("ltv_snapshots_total")
        self._snapshot_timestamp = made.gauge("ltv_snapshot_timestamp_seconds")
        self._snapshot_sequence = made.gauge("ltv_snapshot_sequence")
        self._snapshot_behind = made.gauge("ltv_snapshot_behind_seconds")
        self.restored_rows = made.counter("ltv_restored_rows_total")
        self.restore_seconds = made.counter("ltv_restore_seconds_total")
        self.restore_records_left = made.gauge("ltv_restore_records_left")
        self.failed_sessions = made.counter("ltv_failed_sessions_total")
        self._shown: defaultdict[Gauge, set[int]] = defaultdict(set)
        """Gauge -> the partitions of which it has a value."""
        self._begin_at_0()
        ProcessCollector(registry=self.registry)

    def _begin_at_0(self) -> None:
        """A rate needs the value before the first increment."""
        for counter, values in (
            (self.events, EVENT_TYPES),
            (self.dead_letters, {**REASONS, **BATCH_REASONS}),
            (self.failed_sessions, get_args(FailureCause)),
        ):
            for value in values:
                counter.labels(value)

    def set_ready(self) -> None:
        """Note that every assigned partition is restored and running."""
        self.health.is_ready_now()
        self._ready.set(1)

    def set_not_ready(self, reason: str) -> None:
        """Note that this worker is not ready, for this reason."""
        self.health.is_not_ready(reason)
        self._ready.set(0)

    def set_lifecycle(self, partition: int, lifecycle: Lifecycle) -> None:
        """Note a partition's state; once it is gone, its series end."""
        for state in _STATES:
            if lifecycle is Lifecycle.GONE:
                self._state.remove(partition, state.value)
            else:
                self._state.labels(partition, state.value).set(state is lifecycle)
        if lifecycle is not Lifecycle.RESTORING:
            self.restore_records_left.remove(partition)

    def set_by_partition(self, gauge: Gauge, values: Mapping[int, float]) -> None:
        """Set a gauge for these partitions and no others; a scrape at the same time misses none of them."""
        for partition, value in values.items():
            gauge.labels(partition).set(value)
        for partition in self._shown[gauge] - values.keys():
            gauge.remove(partition)
        self._shown[gauge] = set(values)

    def set_state_size(self, customers: int, orders: int) -> None:
        """Note how many customers and orders are in memory."""
        self._customers.set(customers)
        self._orders.set(orders)
        customer_bytes, order_bytes = CUSTOMER_STATE_BYTES, ORDER_STATE_BYTES
        if native_core.core:
            customer_bytes, order_bytes = NATIVE_CUSTOMER_STATE_BYTES, NATIVE_ORDER_STATE_BYTES
        self._state_bytes.set(customer_bytes * customers + order_bytes * orders)

    def count_snapshot(self, snapshot: Snapshot) -> None:
        """Count a snapshot that this worker has emitted."""
        self.snapshots.inc()
        self._snapshot_timestamp.set(datetime.fromisoformat(snapshot.emitted_at).timestamp())
        self._snapshot_sequence.set(snapshot.sequence)
        self._snapshot_behind.set(snapshot.coverage.behind_s or 0.0)

    def clear_snapshot(self) -> None:
        """Note that this worker does not emit the snapshots now."""
        for gauge in (self._snapshot_timestamp, self._snapshot_sequence, self._snapshot_behind):
            gauge.set(0)

    def clear_session(self) -> None:
        """Drop what only a session knows: it has ended."""
        self.clear_snapshot()
        self.partitions.set(0)
        self.set_state_size(0, 0)
        by_partition = (self.lag, self.lag_seconds, self.event_time_age, self.blocked)
        for gauge in (*by_partition, self.consecutive_dead_letters):
            self.set_by_partition(gauge, {})
        self._state.clear()
        self.restore_records_left.clear()

    def total(self, name: str) -> float:
        """The sum of a metric over its labels; 0 if it has no value."""
        return sum(self.values(name))

    def values(self, name: str) -> list[float]:
        """The values of a metric for all its labels."""
        return [sample.value for sample in self._samples(name)]

    def labels_of(self, name: str, label: str) -> list[str]:
        """The values of a metric's label."""
        return [sample.labels[label] for sample in self._samples(name)]

    def _samples(self, name: str) -> list[Sample]:
        return [s for family in self.registry.collect() for s in family.samples if s.name == name]
