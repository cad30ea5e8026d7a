"""The loop of one worker: poll, follow the assignment, ingest, and once an interval commit everything at once.

A session lasts from connecting to the first trouble. Whatever goes wrong with the cluster, the session ends, its
uncommitted work is dropped, and the next one restores what was committed: one way back, the same as after a crash.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

import structlog

from cluster.errors import Fenced
from consumer.domain.partial import Partial
from consumer.metrics import METRICS
from consumer.settings import Settings
from consumer.stream.commit import commit
from consumer.stream.gc_policy import GcPolicy
from consumer.stream.invalid_limit import InvalidLimit
from consumer.stream.partials import Partials
from consumer.stream.partition import Partition
from consumer.stream.restore import restore
from consumer.stream.series import SnapshotSeries
from consumer.stream.transport import Clients, Rebalance
from contract.snapshots import Snapshot

MAX_POLL_WAIT_S: Final = 0.2
HEARTBEAT_ANSWERED_S: Final = 3.0
"""Heartbeats go out once a second (or faster)."""
MAX_DEAD_LETTER_BYTES: Final = 16 * 1024 * 1024

log = structlog.get_logger()


class Session:
    """One membership in the group, from assignment to the last commit."""

    def __init__(
        self,
        settings: Settings,
        clients: Clients,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._all = range(clients.partitions)
        self._clock = clock
        self._now = now
        self._partitions: dict[int, Partition] = {}
        self._restores: deque[tuple[Partition, Iterator[int]]] = deque()
        self._settled = False
        """An assignment holds, if only of nothing, and all of it is running."""
        self._limit = InvalidLimit(settings)
        self._collector = GcPolicy(clock)
        self._partials = Partials(settings.topics, clients.reader)
        self._snapshots: SnapshotSeries | None = None
        """Only while partition 0 is ours."""
        self._commit_at = clock()
        self._snapshot_at = clock()
        self._targets: dict[int, int] | None = None
        if settings.until_end:
            self._targets = clients.reader.committed_ends(settings.topics.events, self._all)
        self.finished = False
        """With until_end: all that was there at the start is committed, and so is the snapshot of it."""
        self.was_ready = False

    def step(self) -> None:
        """One turn of the loop; never longer than a poll and a commit take."""
        clock = self._clock
        wait_s = 0.0 if self._restores else min(MAX_POLL_WAIT_S, max(0.0, self._commit_at - clock()))
        batches = self._clients.consumer.poll(wait_s)
        rebalances = self._clients.consumer.rebalances()
        for rebalance in rebalances:
            self._follow(rebalance)
        # After a rebalance every partition is placed anew: what the same poll returned is read again from there.
        if not rebalances:
            for batch in batches:
                partition = self._partitions.get(batch.partition)
                if partition and partition.lifecycle == "running":
                    partition.ingest(batch)
        if self._restores:
            self._restore_some()
        if clock() >= self._commit_at or self._dead_letter_bytes() > MAX_DEAD_LETTER_BYTES:
            self.commit()

    def _dead_letter_bytes(self) -> int:
        return sum(len(letter.value or b"") for p in self._partitions.values() for letter in p.dead)

    def _follow(self, rebalance: Rebalance) -> None:
        log.info("partitions " + rebalance.kind, partitions=sorted(rebalance.partitions))
        METRICS.ready.set(0)
        self._restores.clear()
        self._settled = False
        for number, partition in list(self._partitions.items()):
            if partition.lifecycle == "restoring" or (
                rebalance.kind == "lost" and number in rebalance.partitions
            ):
                del self._partitions[number]
            elif number in rebalance.partitions:
                partition.lifecycle = "suspended"
        self._snapshots = None
        if rebalance.kind == "assigned":
            self._assign(sorted(rebalance.partitions))

    def _assign(self, assigned: list[int]) -> None:
        """Go on with what nobody has touched since our last commit; restore the rest."""
        METRICS.rebalances.inc()
        METRICS.partitions.set(len(assigned))
        kept = {number: self._partitions[number] for number in assigned if number in self._partitions}
        self._partitions = {}
        bounds = self._clients.reader.bounds(self._settings.topics.changelog, list(kept)) if kept else {}
        for number in assigned:
            known = kept.get(number)
            if known and known.changelog_end == bounds[number][1]:
                self._partitions[number] = known
                self._run(known)
            else:
                partition = self._partitions[number] = Partition(number, self._settings)
                self._restores.append((partition, restore(partition, self._clients.reader, self._settings)))
        if not self._restores:
            self._ready()

    def _restore_some(self) -> None:
        """Restore for a moment, in the order of the partitions; then the loop sees to its membership again."""
        partition, steps = self._restores[0]
        began = self._clock()
        rows = next(steps, None)
        METRICS.restore_seconds.inc(self._clock() - began)
        if rows is not None:
            METRICS.restored_rows.inc(rows)
            return
        self._restores.popleft()
        log.info(
            "restored",
            partition=partition.number,
            next_offset=partition.next_offset,
            customers=len(partition.aggregate.customers),
            orders=partition.aggregate.orders,
        )
        self._run(partition)
        if not self._restores:
            self._ready()

    def _run(self, partition: Partition) -> None:
        partition.lifecycle = "running"
        self._clients.consumer.start_at(partition.number, partition.next_offset)

    def _ready(self) -> None:
        """All that was assigned is running."""
        self._settled = self.was_ready = True
        if 0 in self._partitions:
            self._snapshots = SnapshotSeries(self._settings, len(self._all), self._clients.reader)
            self._partials.catch_up(wait=True)
        self._commit_at = self._clock()
        METRICS.ready.set(1)
        log.info("ready", partitions=sorted(self._partitions))

    def commit(self) -> None:
        """Commit what moved, with the snapshot if it is time for one. Does nothing where there is nothing to do."""
        now = self._clock()
        self._commit_at = now + self._settings.commit_interval_s
        running = [p for p in self._partitions.values() if p.lifecycle == "running"]
        position = self._clients.consumer.position
        moved = [p for p in running if not p.reported or p.uncommitted or position(p.number) != p.next_offset]
        snapshot_due = self._snapshots is not None and now >= self._snapshot_at
        if snapshot_due or (self._targets is not None and self._settled):
            self._partials.catch_up()
        if snapshot_due and not moved:
            moved = [self._partitions[0]]
        if moved:
            records, dead = sum(p.uncommitted for p in moved), [letter for p in moved for letter in p.dead]
            self._limit.check(records, dead)
            try:
                partials, snapshot = commit(
                    moved,
                    self._clients,
                    self._settings.topics,
                    self._next_snapshot if snapshot_due else lambda _: None,
                )
            except Fenced:
                self._ask_the_group()
                raise
            self._partials.put(partials)
            if snapshot and self._snapshots:
                self._snapshots.committed(snapshot)
                self._snapshot_at = now + self._settings.snapshot_interval_s
                METRICS.snapshots.inc()
            METRICS.commit_seconds.observe(self._clock() - now)
            METRICS.commits.inc()
            METRICS.records.inc(records)
            METRICS.dead_letters.inc(len(dead))
            self._collector.after_commit()
        self._show(running)
        self._see_whether_finished(emitted=snapshot_due)

    def _ask_the_group(self) -> None:
        """Poll until the group must have answered a heartbeat: another process with our instance id is fatal.

        Without this the two would take the transactional id from each other for ever, and neither would commit.
        """
        until = self._clock() + HEARTBEAT_ANSWERED_S
        while self._clock() < until:
            self._clients.consumer.poll(MAX_POLL_WAIT_S)

    def _show(self, running: list[Partition]) -> None:
        METRICS.customers.set(sum(len(p.aggregate.customers) for p in running))
        METRICS.orders.set(sum(p.aggregate.orders for p in running))
        METRICS.lag.clear()
        for partition in running:
            lag = self._clients.consumer.lag(partition.number)
            if lag is not None:
                METRICS.lag.labels(partition.number).set(lag)

    def _next_snapshot(self, ours: Mapping[int, Partial]) -> Snapshot | None:
        assert self._snapshots is not None
        return self._snapshots.next({**self._partials.known, **ours}, self._now())

    def _see_whether_finished(self, *, emitted: bool) -> None:
        if self._targets is None or not self._settled:
            return
        known, basis = self._partials.known, self._settings.basis
        reached = all(
            p in known and known[p].next_offset >= end and known[p].basis == basis
            for p, end in self._targets.items()
        )
        if reached and self._snapshots and not emitted:
            self._commit_at = self._snapshot_at = self._clock()  # one more, of all
        else:
            self.finished = reached
