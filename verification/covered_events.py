"""Reads the records that a snapshot counts: from the topic, or from files that have the same events."""

from collections.abc import Callable, Iterator
from typing import Final

from cluster.fetched import Record
from cluster.log_reader import LogReader
from contract.errors import Fatal, Retriable, counted
from contract.snapshots import Snapshot
from files.format import read_events
from verification.event_check import DAY_US, NotCounted, counted_event
from verification.event_place import EventPlace
from verification.event_table import EventTable

EPOCH_US: Final = 719_163 * DAY_US
"""1970-01-01, as instants are counted here."""
MAX_TIMESTAMP_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""
ADVANCE_EVENTS: Final = 1_000


class CannotVerify(Fatal):
    """The events that the snapshot counts are not all there: nothing can be said about its figures."""


class CoveredRecords:
    """The records of the events topic that a snapshot counts."""

    def __init__(
        self, reader: LogReader, topic: str, snapshot: Snapshot, since_ms: int | None = None
    ) -> None:
        """Look at the topic.

        Args:
            reader: with trimmed="fail".
            topic: the events topic.
            snapshot: what counts them.
            since_ms: the time of the reset (ms since 1970) with which the count began; None: it began with the topic.

        Raises:
            CannotVerify: the snapshot names no offsets, or the topic ends before them.
        """
        self._reader, self.topic = reader, topic
        partitions = snapshot.coverage.partitions
        if not partitions:
            raise CannotVerify(
                f"snapshot {snapshot.sequence} does not say which offsets it counts: a former version wrote it"
            )
        self.partitions = len(partitions)
        self._ends = {each.partition: each.next_offset or 0 for each in partitions}
        there = reader.partitions(topic)
        if not set(self._ends) <= set(there):
            raise CannotVerify(f"{topic} has {counted(len(there), 'partition')}: not those of the snapshot")
        self._first = reader.starts(topic, self._ends)
        self._starts = dict(self._first)
        if since_ms is not None:
            for partition, end in self._ends.items():
                start = reader.offset_at_time(topic, partition, since_ms)
                self._starts[partition] = end if start is None else start
        ends = reader.committed_ends(topic, self._ends)
        for partition, end in self._ends.items():
            if ends[partition] < end:
                raise CannotVerify(
                    f"{topic}-{partition} ends at {ends[partition]:,}, before the snapshot's offset {end:,}: "
                    "it is another topic of this name, or --events-topic is wrong"
                )

    @property
    def deleted(self) -> dict[int, int]:
        """Partition -> the number of its first offsets, before the snapshot's, whose records are deleted.

        Only where reading begins with the first record that is left: the count may have begun before it.
        """
        return {
            partition: min(first, self._ends[partition])
            for partition, first in self._first.items()
            if first == self._starts[partition] and min(first, self._ends[partition])
        }

    @property
    def offsets(self) -> int:
        """How many offsets there are to read."""
        return sum(max(0, end - self._starts[partition]) for partition, end in self._ends.items())

    def read(self) -> Iterator[tuple[list[Record], int]]:
        """Yield lists of records, and how many offsets were passed since the last list.

        Raises:
            CannotVerify: retention deletes records while they are read.
            Retriable: the cluster can't now.
        """
        for partition, end in self._ends.items():
            start = at = self._starts[partition]
            try:
                for records in self._reader.read(self.topic, partition, start, end):
                    to = records[-1].offset + 1 if records else at
                    yield records, to - at
                    at = to
            except Retriable as error:
                if self._reader.starts(self.topic, [partition])[partition] > start:
                    raise CannotVerify(f"{error}; run it again") from error
                raise
            yield [], max(0, end - at)


def add_record(table: EventTable, record: Record, place: EventPlace, ahead_us: int | None) -> None:
    """Add a record of the topic to the table, as an event or as left out.

    Args:
        table: where to.
        record: the record.
        place: checks its key and its partition.
        ahead_us: by how much an event may be later than its record; None: no limit.
    """
    try:
        event = counted_event(record.value)
        place.check(event.customer, record.key, record.partition)
        if ahead_us is not None:
            written = EPOCH_US + 1000 * max(0, min(record.timestamp, MAX_TIMESTAMP_MS))
            if event.instant - written > ahead_us:
                raise NotCounted("later than its record by more than --max-event-time-ahead")
    except NotCounted as why:
        table.leave_out(record.partition, record.offset, str(why), record.records)
    else:
        table.add(record.partition, record.offset, event)


def add_file(table: EventTable, number: int, path: str, advance: Callable[[int, int], None]) -> None:
    """Add the events of a file to the table.

    Args:
        table: where to.
        number: of the file, from 0: the source of its events; their places are their lines.
        path: the file.
        advance: called now and then with the bytes and the events read since the last call.
    """
    size = events = 0
    for line, value in read_events(path):
        try:
            table.add(number, line, counted_event(value))
        except NotCounted as why:
            table.leave_out(number, line, str(why))
        size, events = size + len(value) + 1, events + 1
        if events == ADVANCE_EVENTS:
            advance(size, events)
            size = events = 0
    advance(size, events)
