"""A session: poll, follow the assignment, ingest, and commit everything once an interval.

A session lasts from connecting to the first error of the cluster. Then its uncommitted work is dropped, and the next
session restores the committed state: the same recovery as after a crash.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from cluster.errors import Fenced
from consumer.domain.partial import Partial
from consumer.metrics import Metrics
from consumer.settings import Settings
from consumer.stream.assignment import Assignment
from consumer.stream.commit import commit
from consumer.stream.commit_counts import CommitCounts
from consumer.stream.gc_policy import GcPolicy
from consumer.stream.invalid_limit import InvalidLimit
from consumer.stream.lag import LagWatch
from consumer.stream.lifecycle import Lifecycle
from consumer.stream.open_transactions import OpenTransactions
from consumer.stream.owned_customers import OwnedCustomers
from consumer.stream.partials import Partials
from consumer.stream.partition import Partition
from consumer.stream.placement import refuse_misfit
from consumer.stream.series import SnapshotSeries
from consumer.stream.transport import Clients, Polled
from consumer.stream.until_end import UntilEnd
from contract.errors import Retriable
from contract.snapshots import Snapshot

MAX_POLL_WAIT_S: Final = 0.2
HEARTBEAT_ANSWERED_S: Final = 3.0
"""Within this time a heartbeat is answered: the client sends one at least every second."""
MAX_COMMIT_BYTES: Final = 32 * 1024 * 1024
"""A commit is due when the partitions' changes and dead letters may have this size."""


class Session:
    """One connection to the cluster and one membership in the group."""

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        metrics: Metrics,
        limit: InvalidLimit,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._metrics = metrics
        self._clock = clock
        self._now = now
        self._assignment = Assignment(settings, clients, metrics, clock)
        self.customers = OwnedCustomers(self._assignment.partitions, settings.partitioner, clients.partitions)
        """For other threads."""
        self._limit = limit
        self._gc = GcPolicy(clock)
        self._partials = Partials(settings.topics, clients.reader)
        self._series: SnapshotSeries | None = None
        """Only while partition 0 is assigned to this worker and running."""
        self._open_transactions = OpenTransactions(settings, clients.reader, metrics, now)
        self._lag = LagWatch(settings, clients.partitions, clients.reader, metrics, now)
        self._unread: deque[Polled] = deque()
        """Polled records that are not ingested yet: a commit came first."""
        self._until_end = UntilEnd.from_now(settings, clients) if settings.until_end else None
        self._commit_at = self._snapshot_at = clock()

    @property
    def finished(self) -> bool:
        """With until_end: all records that were on the topic at the start are committed, and a snapshot of them is."""
        return self._until_end is not None and self._until_end.finished

    @property
    def was_ready(self) -> bool:
        """Whether all assigned partitions have run at least once."""
        return self._assignment.was_ready

    def step(self) -> None:
        """One turn of the loop: a poll, at most one step of restoring, at most one commit."""
        self._metrics.health.turned()
        assignment = self._assignment
        polled = self._poll()
        rebalances = self._clients.consumer.rebalances()
        if rebalances:
            self._series = None
            self._metrics.clear_snapshot()
        starts = bool(rebalances) or not assignment.is_ready
        for rebalance in rebalances:
            assignment.follow(rebalance)
        # A rebalance sets every partition's position again, so records polled before it will be read again.
        if rebalances:
            self._unread.clear()
        else:
            self._unread.extend(polled)
        self._ingest()
        if assignment.is_restoring:
            assignment.restore_some()
        if starts and assignment.is_ready:
            self._start()
        if self._commit_due:
            self.commit()

    def _poll(self) -> list[Polled]:
        """The next records; none while some of the last poll's are not ingested yet."""
        consumer = self._clients.consumer
        if self._unread:
            consumer.stay()
            return []
        is_restoring = self._assignment.is_restoring
        return consumer.poll(0.0 if is_restoring else self._until_commit_s(at_most_s=MAX_POLL_WAIT_S))

    def _until_commit_s(self, at_most_s: float) -> float:
        return min(at_most_s, max(0.0, self._commit_at - self._clock()))

    def _ingest(self) -> None:
        """Ingest polled records until none are left, or a commit is due."""
        while self._unread:
            number, parts = self._unread[0]
            partition = self._assignment.partitions.get(number)
            if partition and partition.lifecycle is Lifecycle.RUNNING:
                for part in parts:
                    with self.customers.lock:
                        partition.ingest(part)
                    del part  # The next one is read while this name would still hold it.
                    if self._commit_due:
                        return
            self._unread.popleft()

    @property
    def _commit_due(self) -> bool:
        running = self._assignment.running
        if self._clock() >= self._commit_at:
            return True
        if self._until_end and self._until_end.asks_for_commit(running, self._partials.known):
            return True
        return sum(partition.commit_bytes for partition in running) > MAX_COMMIT_BYTES

    def _start(self) -> None:
        """All assigned partitions run: the owner of partition 0 takes the series over, and a commit is due."""
        if 0 in self._assignment.partitions:
            partitions, reader = self._clients.partitions, self._clients.reader
            self._series = SnapshotSeries(self._settings, partitions, self._partials, reader, self._now)
        self._commit_at = self._clock()

    def commit(self) -> None:
        """Commit the partitions that have moved, and the snapshot if one is due; nothing if neither is."""
        now_s = self._clock()
        running = self._assignment.running
        self._look_for_open_transactions(running)
        snapshot_due = self._series is not None and now_s >= self._snapshot_at
        if snapshot_due or (self._until_end and self._assignment.is_ready):
            self._partials.catch_up()
        elif self._series:
            self._series.note_ends()
        moved = [partition for partition in running if self._has_moved(partition)]
        if snapshot_due and not moved:
            moved = [self._assignment.partitions[0]]
        if moved:
            self._commit(moved, now_s, snapshot_due=snapshot_due)
        totals = [partition.state.totals() for partition in running]
        self._metrics.set_state_size(
            sum(each.customers for each in totals), sum(each.orders for each in totals)
        )
        self._lag.look(running, self._partials.known, self._open_transactions.blocking)
        self._set_next_commit(began_at=now_s)
        if self._until_end and self._assignment.is_ready:
            self._check_end(self._until_end, snapshot_is_out=snapshot_due)

    def _set_next_commit(self, began_at: float) -> None:
        """An interval after this one began; after a slow one, as long after its end as it took, an interval at most.

        Were the next one due at once, each would carry one part of a poll, and on a slow network the lag would grow.
        """
        ended_at = self._clock()
        interval_s = self._settings.commit_interval_s
        self._commit_at = max(began_at + interval_s, ended_at + min(interval_s, ended_at - began_at))

    def _look_for_open_transactions(self, running: list[Partition]) -> None:
        ours = [partition.number for partition in running]
        self._open_transactions.look(range(self._clients.partitions) if self._series else ours, ours)

    def _has_moved(self, partition: Partition) -> bool:
        if not partition.reported or partition.uncommitted or partition.rewrite:
            return True
        position = self._clients.consumer.position(partition.number)
        return position != partition.next_offset

    def _commit(self, moved: list[Partition], now_s: float, *, snapshot_due: bool) -> None:
        counts = CommitCounts(moved)
        dead = [letter for partition in moved for letter in partition.dead]
        refuse_misfit([partition.placement for partition in moved], self._settings.topics.events)
        self._limit.check(counts.records, dead)
        for partition in moved:
            self._limit.check_run(partition)
        next_snapshot = self._next_snapshot if snapshot_due else _no_snapshot
        try:
            partials, snapshot = commit(
                moved,
                self._clients,
                self._settings.topics,
                self._metrics,
                next_snapshot,
                unread={polled.partition for polled in self._unread},
            )
        except Retriable as error:
            self._metrics.aborted_commits.inc()
            if isinstance(error, Fenced):
                self._await_heartbeat()
            raise
        self._limit.committed()
        self._partials.put(partials)
        if snapshot and self._series:
            self._series.committed(snapshot)
            self._snapshot_at = now_s + self._settings.snapshot_interval_s
            self._metrics.count_snapshot(snapshot)
        self._metrics.commit_seconds.observe(self._clock() - now_s)
        counts.add_to(self._metrics)
        runs = {partition.number: partition.dead_run.length for partition in self._assignment.running}
        self._metrics.set_by_partition(self._metrics.consecutive_dead_letters, runs)
        self._gc.after_commit()

    def _next_snapshot(self, ours: Mapping[int, Partial]) -> Snapshot | None:
        if self._series is None:
            return None
        with self._metrics.rank_seconds.time():
            return self._series.next(ours, self._open_transactions.blocking)

    def _await_heartbeat(self) -> None:
        """Poll until a heartbeat must have been answered: if another process has our instance id, `poll` raises Fatal.

        Without this, the two would fence each other's transactional id for ever, and neither would commit.
        """
        until = self._clock() + HEARTBEAT_ANSWERED_S
        while self._clock() < until:
            self._clients.consumer.poll(MAX_POLL_WAIT_S)

    def _check_end(self, until_end: UntilEnd, *, snapshot_is_out: bool) -> None:
        reached = until_end.is_reached(self._partials.known)
        if not reached:
            self._open_transactions.refuse_to_wait(until_end.targets)
            if until_end.is_read(self._assignment.running):
                # The next commit looks whether the other workers have finished.
                self._commit_at = self._clock() + MAX_POLL_WAIT_S
        elif self._series and not snapshot_is_out:
            # One more snapshot, which counts all records.
            self._commit_at = self._snapshot_at = self._clock()
        else:
            until_end.finished = True


def _no_snapshot(_ours: Mapping[int, Partial]) -> Snapshot | None:
    return None
