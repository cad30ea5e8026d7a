"""One events partition: its state, how far it is, and what the next commit must write.

Lifecycle: restoring -> running -> suspended (revoked: kept, in case it comes back untouched) -> running or gone.
"""

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal

from consumer.domain.aggregate import Aggregate, Change
from consumer.domain.ingest import ingest_events
from consumer.domain.partial import Partial, partial_of
from consumer.domain.top import Top
from consumer.settings import Settings
from consumer.stream.changelog import ROWS_PER_RECORD, Position, pack
from consumer.stream.transport import Batch
from contract.dead_letters import DeadLetter, Origin, dead_letter
from contract.decode import CHUNK_EVENTS, decode_events
from contract.errors import InvalidEvent

REWRITE_RATIO: Final = 2
MIN_REWRITE_BYTES: Final = 8 * 1024 * 1024


class Partition:
    """State of one events partition, between its changelog and the loop."""

    def __init__(self, number: int, settings: Settings) -> None:
        self.number = number
        self._settings = settings
        self.lifecycle: Literal["restoring", "running", "suspended"] = "restoring"
        self.aggregate = Aggregate()
        self.top = Top(settings.top, settings.basis)
        self.topic_id = ""
        """Of the events topic that this is a partition of."""
        self.next_offset = 0
        """Where to go on reading: what is before it is in the state, committed or not."""
        self.dead_letter_count = 0
        self.dead: list[DeadLetter] = []
        self.uncommitted = 0
        """Records read since the last commit."""
        self.reported = False
        """The partial on the topic is as of the last commit, with these settings."""
        self.changelog_end = 0
        """The changelog partition's high watermark after our last commit: has somebody else written since?"""
        self.appended_bytes = 0
        """Changelog bytes since the last rewrite began."""
        self.table_bytes = 0
        """What the last rewrite took."""

    @property
    def settings(self) -> Settings:
        """Of the application that this is the state of."""
        return self._settings

    def ingest(self, batch: Batch) -> None:
        """Take in a poll's records; what is invalid becomes a dead letter."""
        for start in range(0, len(batch.values), CHUNK_EVENTS):
            chunk = slice(start, start + CHUNK_EVENTS)
            events, invalid = decode_events(batch.values[chunk], batch.keys[chunk])
            ingest_events(events, self.aggregate)
            for i, error in invalid:
                self._set_aside(batch, start + i, error)
        self.uncommitted += len(batch.values)
        self.next_offset = batch.offsets[-1] + 1

    def _set_aside(self, batch: Batch, i: int, error: InvalidEvent) -> None:
        origin = Origin(self._settings.topics.events, self.number, batch.offsets[i], batch.timestamps_ms[i])
        self.dead.append(dead_letter(batch.keys[i], batch.values[i], error, origin))

    @property
    def rewrite_due(self) -> bool:
        """Whether the changelog has grown enough past the table to write the table anew and trim."""
        return self.appended_bytes > max(REWRITE_RATIO * self.table_bytes, MIN_REWRITE_BYTES)

    def changelog_values(self, *, whole: bool) -> Iterator[bytes]:
        """The changelog records of this commit, to be read to their end: so the changes are taken and ranked."""
        self.dead_letter_count += len(self.dead)
        position = Position(
            group=self._settings.group,
            topic_id=self.topic_id,
            next_offset=self.next_offset,
            events=self.aggregate.events,
            dead_letters=self.dead_letter_count,
            time_min=self.aggregate.time_min,
            time_max=self.aggregate.time_max,
        )
        changes = self._ranked_changes()
        if whole:
            deque(changes, maxlen=0)
            changes = self.aggregate.everything()
        return pack(changes, position, whole=whole)

    def _ranked_changes(self) -> Iterator[Change]:
        """What has changed, once it is ranked: a record's worth at a time, which stays in the processor's cache."""
        changes, everyone = self.aggregate.take_changes(), self.aggregate.customers.values()
        while some := list(islice(changes, ROWS_PER_RECORD)):
            self.top.update(some, everyone)
            yield from some

    def partial(self) -> Partial:
        """The partition's share of the snapshot, as of the changes taken."""
        return partial_of(
            self.aggregate,
            self.top.best(),
            x=self._settings.top,
            basis=self._settings.basis,
            next_offset=self.next_offset,
            dead_letters=self.dead_letter_count,
        )

    def committed(self, changelog_end: int, appended: int, *, whole: bool) -> None:
        """A commit went through: its changelog records took so many bytes and end before `changelog_end`."""
        self.dead = []
        self.uncommitted = 0
        self.reported = True
        self.changelog_end = changelog_end
        if whole:
            self.table_bytes, self.appended_bytes = appended, 0
        else:
            self.appended_bytes += appended
