"""The lag of the partitions that a worker runs, in records and seconds, up to the last commit.

It is the coverage of a snapshot (`consumer/domain/coverage.py`) for these partitions only: it goes by the committed
ends, and reads the first record that is not counted where the offsets alone can't tell whether there is one. So it is
0 where only transaction markers and aborted records are left.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from consumer.domain.coverage import CoverageTracker, HeldBack, behind_s
from consumer.domain.partial import Partial
from consumer.metrics import Metrics
from consumer.settings import Settings
from consumer.stream.partition import Partition
from consumer.stream.series import first_record_times
from consumer.stream.transport import StateReader
from contract.errors import Retriable

LOOK_INTERVAL: Final = timedelta(seconds=1)
LOOK_TIMEOUT_S: Final = 1.0
"""The loop waits for the answer: from a partition without a leader there is none."""
PAUSE_AFTER_FAILURE: Final = timedelta(seconds=4)
ANY_PARTITION: Final = (0,)
"""A worker without a partition asks, too: whether the cluster answers."""

log = structlog.get_logger()


class LagWatch:
    """Asks for the ends of the partitions once a second, and sets the gauges of each."""

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        reader: StateReader,
        metrics: Metrics,
        now: Callable[[], datetime],
    ) -> None:
        self._topic = settings.topics.events
        self._reader = reader
        self._metrics = metrics
        self._now = now
        self._tracker = CoverageTracker(partitions, settings.complete_within_s)
        self._first_record_time = first_record_times(reader, self._topic)
        self._looked_at = datetime.min.replace(tzinfo=UTC)

    def look(
        self,
        running: Collection[Partition],
        committed: Mapping[int, Partial],
        held_back: Mapping[int, HeldBack],
    ) -> None:
        """Look again, if the last look is a second ago. Notes whether the cluster answers.

        Args:
            running: the partitions that this worker runs.
            committed: partition -> its last committed partial.
            held_back: partition -> what an open transaction keeps from being read, for too long.
        """
        now = self._now()
        if now - self._looked_at < LOOK_INTERVAL:
            return
        self._looked_at = now
        try:
            self._set_lag({p.number for p in running} & committed.keys(), committed, held_back, now)
            self._metrics.health.cluster_answered()
        except Retriable as error:
            self._looked_at = now + PAUSE_AFTER_FAILURE
            log.info("can't look for the lag now", cause=str(error))
        self._set_event_time_age(running, now)

    def _set_lag(
        self,
        ours: Collection[int],
        committed: Mapping[int, Partial],
        held_back: Mapping[int, HeldBack],
        now: datetime,
    ) -> None:
        ends = self._reader.committed_ends(self._topic, ours or ANY_PARTITION, LOOK_TIMEOUT_S)
        self._tracker.note_ends(ends, now)
        coverage = self._tracker.coverage(
            {number: committed[number] for number in ours}, now, self._first_record_time, held_back
        )
        known = [each for each in coverage.partitions if each.lag_records is not None]
        metrics = self._metrics
        metrics.set_by_partition(metrics.lag, {each.partition: each.lag_records or 0 for each in known})
        metrics.set_by_partition(metrics.lag_seconds, {each.partition: behind_s(each, now) for each in known})

    def _set_event_time_age(self, running: Collection[Partition], now: datetime) -> None:
        latest = {partition.number: partition.state.totals().time_max for partition in running}
        ages_s = {n: max(0.0, (now - time).total_seconds()) for n, time in latest.items() if time is not None}
        self._metrics.set_by_partition(self._metrics.event_time_age, ages_s)
