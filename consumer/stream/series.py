"""The series of snapshots, emitted by the worker that owns events partition 0.

A snapshot is merged from the partials of all partitions: the worker's own come from the present transaction, the
others' from ltv.partials. The sequence and the previous ranks continue from the state of the series in ltv.partials,
so that a restart, a change of owner, or a deletion of ltv.snapshots leaves no gap.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from consumer.domain.coverage import CoverageTracker, FirstRecordTime, HeldBack
from consumer.domain.partial import Partial, merge, on_basis
from consumer.settings import Settings
from consumer.stream.event_time_limit import record_time
from consumer.stream.partials import Partials, SeriesState
from consumer.stream.transport import StateReader
from contract.errors import Fatal
from contract.snapshots import NewerSchema, Snapshot, decode_snapshot
from contract.times import time_text
from contract.topics import SNAPSHOT_KEY, Topics

log = structlog.get_logger()


class SnapshotSeries:
    """The series, as continued by its present owner."""

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        partials: Partials,
        reader: StateReader,
        now: Callable[[], datetime],
    ) -> None:
        """Take the series over: read its state, waiting for the last owner's transaction."""
        self._settings = settings
        self._all = range(partitions)
        self._partials = partials
        self._reader = reader
        self._now = now
        self._coverage = CoverageTracker(partitions, settings.complete_within_s)
        self._first_record_time = first_record_times(reader, settings.topics.events)
        partials.catch_up(wait=True)
        self._state = _newest(partials.series, last_snapshot(settings.topics, reader))

    def note_ends(self) -> datetime:
        """Note the ends of the events partitions, for the coverage; returns the time. Call it about once a second."""
        at = self._now()
        self._coverage.note_ends(self._reader.committed_ends(self._settings.topics.events, self._all), at)
        return at

    def next(self, ours: Mapping[int, Partial], held_back: Mapping[int, HeldBack]) -> Snapshot:
        """The snapshot that follows the last committed one.

        Args:
            ours: the partials of the present transaction.
            held_back: partition -> the records that an open transaction keeps from being read, for too long.
        """
        basis = self._settings.basis
        partials = on_basis({**self._partials.known, **ours}, basis)
        now = self.note_ends()
        return merge(
            partials.values(),
            x=self._settings.top,
            basis=basis,
            coverage=self._coverage.coverage(partials, now, self._first_record_time, held_back),
            sequence=self._state.sequence + 1,
            emitted_at=time_text(now) or "",
            previous_ranks=self._state.ranks,
        )

    def committed(self, snapshot: Snapshot) -> None:
        """Note that this snapshot is committed."""
        self._state = SeriesState.after(snapshot)


def first_record_times(reader: StateReader, topic: str) -> FirstRecordTime:
    """Reads the times of first records on this topic."""

    def first_record_time(partition: int, start: int, end: int) -> datetime | None:
        record = reader.first_record(topic, partition, start, end)
        return None if record is None else record_time(record.timestamp)

    return first_record_time


def _newest(state: SeriesState | None, snapshot: Snapshot | None) -> SeriesState:
    """The state of the series. The snapshot may be newer: earlier versions of this program wrote no state."""
    known = state or SeriesState(sequence=0, ranked=[])
    return SeriesState.after(snapshot) if snapshot and snapshot.sequence > known.sequence else known


def last_snapshot(topics: Topics, reader: StateReader) -> Snapshot | None:
    """The newest snapshot on the topic, waiting for the last owner's transaction if one is open.

    Records that are not snapshots are logged and skipped.

    Raises:
        Fatal: a newer program wrote a snapshot.
    """
    start, end = reader.bounds(topics.snapshots, [0])[0]
    # The last offsets of the topic may be transaction markers, which readers never get: look further back.
    look_back = 10
    while end > start:
        since = max(start, end - look_back)
        found: Snapshot | None = None
        for records in reader.read(topics.snapshots, 0, since, end):
            for record in records:
                if record.key == SNAPSHOT_KEY and record.value is not None:
                    found = _decoded(record.value, topics.snapshots, record.offset) or found
        if found or since == start:
            return found
        look_back *= 10
    return None


def _decoded(value: bytes, topic: str, offset: int) -> Snapshot | None:
    try:
        return decode_snapshot(value)
    except NewerSchema as error:
        raise Fatal(f"{topic}-0 at offset {offset}: {error}") from error
    except ValueError as error:  # msgspec's errors are ValueErrors, too.
        log.warning("skipped a record that is not a snapshot", topic=topic, offset=offset, cause=str(error))
        return None
