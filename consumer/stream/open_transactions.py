"""Which events partitions can't be read to their ends because a producer's transaction is open, and since when.

Readers of committed records get nothing behind the first record of an open transaction. A producer that dies leaves
its transaction open until its timeout; one that lives can keep a transaction open for as long as it likes.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final

import structlog

from cluster.errors import END_TRANSACTION
from consumer.domain.coverage import HeldBack
from consumer.metrics import Metrics
from consumer.settings import Settings
from consumer.stream.transport import StateReader
from contract.errors import Fatal, Retriable, counted

LOOK_INTERVAL_S: Final = 5.0
LOOK_TIMEOUT_S: Final = 1.0
"""The loop waits for the answers: without a leader, or without the topic, there is none."""

log = structlog.get_logger()


class OpenTransactions:
    """Looks at the ends of the events partitions from time to time."""

    def __init__(
        self, settings: Settings, reader: StateReader, metrics: Metrics, now: Callable[[], datetime]
    ) -> None:
        self._topic = settings.topics.events
        self._limit_s = settings.blocked_after_s
        self._reader = reader
        self._metrics = metrics
        self._now = now
        self._looked_at: datetime | None = None
        self._ends: dict[int, tuple[int, datetime]] = {}
        """Partition with records behind an open transaction -> its committed end, and the time of the first look that
        found it there."""
        self._log_after_s: dict[int, float] = {}
        self.blocking: dict[int, HeldBack] = {}
        """Partition -> what a transaction has held back for longer than the limit."""

    def look(self, every: Collection[int], ours: Collection[int]) -> None:
        """Look again, if the last look is LOOK_INTERVAL_S ago.

        Args:
            every: the partitions to look at.
            ours: those of them that this worker reads; of these, the log and the metric say how long they wait.
        """
        now = self._now()
        interval_s = min(LOOK_INTERVAL_S, self._limit_s / 2)
        if not every or (self._looked_at and (now - self._looked_at).total_seconds() < interval_s):
            return
        self._looked_at = now
        try:
            held_back = self._held_back(every, now)
        except Retriable as error:
            # A partition without a leader, say: what is read and committed tells whether the session must end.
            log.info("can't look for open transactions now", cause=str(error))
            return
        self.blocking = {p: held for p, held in held_back.items() if held.for_s(now) >= self._limit_s}
        waited_s = {n: held_back[n].for_s(now) if n in held_back else 0.0 for n in ours}
        self._metrics.set_by_partition(self._metrics.blocked, waited_s)
        for number in ours:
            if number in self.blocking:
                self._log(number, self.blocking[number], now)
            else:
                self._log_after_s.pop(number, None)

    def _held_back(self, every: Collection[int], now: datetime) -> dict[int, HeldBack]:
        found: dict[int, HeldBack] = {}
        for number, (end, high_watermark) in self._reader.both_ends(
            self._topic, every, LOOK_TIMEOUT_S
        ).items():
            before = self._ends.get(number)
            if high_watermark == end:
                self._ends.pop(number, None)
            elif before is None or before[0] != end:
                self._ends[number] = (end, now)
            else:
                found[number] = HeldBack(end, high_watermark - end, before[1])
        return found

    def _log(self, number: int, held: HeldBack, now: datetime) -> None:
        """Log each time when the wait has doubled."""
        waited_s = held.for_s(now)
        if waited_s >= self._log_after_s.get(number, self._limit_s):
            self._log_after_s[number] = 2 * waited_s
            log.warning(
                "an open transaction holds back records",
                topic=self._topic,
                partition=number,
                offset=held.offset,
                records=held.records,
                waited_s=round(waited_s),
                remedy=END_TRANSACTION,
            )

    def refuse_to_wait(self, targets: Mapping[int, int]) -> None:
        """Stop waiting until the partitions are read up to these offsets.

        Raises:
            Fatal: a transaction has held back records before such an offset for longer than the limit.
        """
        for number, held in self.blocking.items():
            if held.offset < targets.get(number, 0):
                raise Fatal(
                    f"{self._topic}-{number}: an open transaction at offset {held.offset} has held back "
                    f"{counted(held.records, 'record')} for longer than --blocked-after-s {self._limit_s:g}: "
                    f"--until-end can't count them. What comes before is committed. {END_TRANSACTION}"
                )
