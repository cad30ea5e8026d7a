"""The partitions that the group has assigned to this worker: each is restored, running, or suspended.

A partition that a rebalance revokes is kept in memory, uncommitted changes included. If it is assigned again, and no
other member has written to its changelog since our last commit, it runs at once. The others are restored.
"""

from collections import deque
from collections.abc import Callable, Iterator

import structlog

from consumer.metrics import Metrics
from consumer.settings import Settings
from consumer.stream.lifecycle import Lifecycle
from consumer.stream.partition import Partition
from consumer.stream.restore import restore
from consumer.stream.restore_wait import RestoreWait
from consumer.stream.transport import Clients, Rebalance

log = structlog.get_logger()


class Assignment:
    """The state of the assigned partitions; follows the group's rebalances in order."""

    def __init__(
        self, settings: Settings, clients: Clients, metrics: Metrics, clock: Callable[[], float]
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._metrics = metrics
        self._clock = clock
        self._restores: deque[tuple[Partition, Iterator[int]]] = deque()
        self._wait = RestoreWait(settings.topics.changelog, clients.reader, clock)
        self.partitions: dict[int, Partition] = {}
        self.is_ready = False
        """There is an assignment (which may be empty), and all its partitions are running."""
        self.was_ready = False
        """`is_ready` has been true at least once."""

    @property
    def is_restoring(self) -> bool:
        """Whether a partition is left to restore."""
        return bool(self._restores)

    @property
    def running(self) -> list[Partition]:
        """The partitions whose events are read."""
        return [p for p in self.partitions.values() if p.lifecycle is Lifecycle.RUNNING]

    def follow(self, rebalance: Rebalance) -> None:
        """Apply a rebalance: suspend or drop partitions, and begin to restore new ones."""
        log.info("partitions " + rebalance.kind, partitions=sorted(rebalance.partitions))
        self._metrics.set_not_ready("a rebalance")
        self.is_ready = False
        self._restores.clear()
        for partition in list(self.partitions.values()):
            self._suspend_or_drop(partition, rebalance)
        if rebalance.kind == "assigned":
            self._assign(sorted(rebalance.partitions))

    def _suspend_or_drop(self, partition: Partition, rebalance: Rebalance) -> None:
        is_named = partition.number in rebalance.partitions
        if partition.lifecycle is Lifecycle.RESTORING or (rebalance.kind == "lost" and is_named):
            self._drop(partition)
        elif is_named and partition.lifecycle is Lifecycle.RUNNING:
            self._become(partition, Lifecycle.SUSPENDED)

    def _drop(self, partition: Partition) -> None:
        self._become(partition, Lifecycle.GONE)
        del self.partitions[partition.number]

    def _assign(self, assigned: list[int]) -> None:
        """Run the partitions that no other member has written to since our last commit; restore the rest."""
        self._metrics.rebalances.inc()
        self._metrics.partitions.set(len(assigned))
        for partition in list(self.partitions.values()):
            if partition.number not in assigned:
                self._drop(partition)
        changelog, kept = self._settings.topics.changelog, list(self.partitions)
        bounds = self._clients.reader.bounds(changelog, kept) if kept else {}
        for number in assigned:
            known = self.partitions.get(number)
            if known and known.changelog_end == bounds[number][1]:
                self._run(known)
                continue
            if known:
                self._drop(known)
            partition = self.partitions[number] = Partition(number, self._settings, self._clients.partitions)
            self._note_lifecycle(partition)
            self._restores.append((partition, restore(partition, self._clients.reader, self._settings)))
        if self._restores:
            self._wait.moved()
            self._metrics.set_not_ready("restoring")
        else:
            self._all_run()

    def restore_some(self) -> None:
        """Do one step of restoring, partition after partition; between steps the session polls to stay a member."""
        partition, steps = self._restores[0]
        began = self._clock()
        rows = next(steps, None)
        self._metrics.restore_seconds.inc(self._clock() - began)
        if rows == 0:
            self._wait.stood(partition)
        else:
            self._wait.moved()
        if rows is not None:
            self._metrics.restored_rows.inc(rows)
            self._metrics.restore_records_left.labels(partition.number).set(partition.restore_records_left)
            return
        self._restores.popleft()
        totals = partition.state.totals()
        log.info(
            "restored",
            partition=partition.number,
            next_offset=partition.next_offset,
            customers=totals.customers,
            orders=totals.orders,
        )
        self._run(partition)
        if not self._restores:
            self._all_run()

    def _run(self, partition: Partition) -> None:
        self._become(partition, Lifecycle.RUNNING)
        self._clients.consumer.start_at(partition.number, partition.next_offset)

    def _all_run(self) -> None:
        self.is_ready = self.was_ready = True
        self._metrics.set_ready()
        log.info("ready", partitions=sorted(self.partitions))

    def _become(self, partition: Partition, lifecycle: Lifecycle) -> None:
        partition.become(lifecycle)
        self._note_lifecycle(partition)

    def _note_lifecycle(self, partition: Partition) -> None:
        log.info("partition " + partition.lifecycle.value, partition=partition.number)
        self._metrics.set_lifecycle(partition.number, partition.lifecycle)
