"""Says in the log that a restore waits for an open transaction on the changelog.

A predecessor that died leaves its transaction open until its timeout; another program's may stay open for longer.
"""

from collections.abc import Callable
from typing import Final

import structlog

from cluster.errors import END_TRANSACTION
from consumer.stream.open_transactions import LOOK_TIMEOUT_S
from consumer.stream.partition import Partition
from consumer.stream.transport import StateReader
from contract.errors import Retriable

LOG_AFTER_S: Final = 5.0

log = structlog.get_logger()


class RestoreWait:
    """How long the restore of a partition has got no record."""

    def __init__(self, topic: str, reader: StateReader, clock: Callable[[], float]) -> None:
        """Nothing is restored yet.

        Args:
            topic: the changelog.
            reader: reads the changelog's ends.
            clock: seconds.
        """
        self._topic = topic
        self._reader = reader
        self._clock = clock
        self.moved()

    def moved(self) -> None:
        """Note that a restore began, or got a record."""
        self._since_s = self._clock()
        self._log_after_s = LOG_AFTER_S

    def stood(self, partition: Partition) -> None:
        """Note that this partition's restore got no record; log it after LOG_AFTER_S and each time the wait doubles."""
        waited_s = self._clock() - self._since_s
        if waited_s < self._log_after_s:
            return
        self._log_after_s = 2 * waited_s
        number = partition.number
        try:
            committed, end = self._reader.both_ends(self._topic, [number], LOOK_TIMEOUT_S)[number]
        except Retriable as error:
            log.info("can't look for open transactions now", cause=str(error))
            return
        if committed < end:
            log.warning(
                "an open transaction holds back a restore",
                topic=self._topic,
                partition=number,
                offset=committed,
                waited_s=round(waited_s),
                remedy=END_TRANSACTION,
            )
