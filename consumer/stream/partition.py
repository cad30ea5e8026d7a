"""One events partition: its state, its next offset, and the records that the next commit must write."""

from collections import Counter
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final

from msgspec.structs import replace

from cluster.record_batch import Chunk, UnreadableBatch
from cluster.record_batch import Origin as RecordOrigin
from cluster.record_fields import read_headers
from consumer.domain.packing import pack_position
from consumer.domain.partial import Partial, partial_of
from consumer.new_state import new_state
from consumer.settings import Settings
from consumer.stream.dead_run import DeadRun
from consumer.stream.event_time_limit import latest_time, within_limit
from consumer.stream.lifecycle import Lifecycle, check_follows
from consumer.stream.placement import Placement
from consumer.stream.rewrite import Rewrite
from contract.changelog import Position
from contract.dead_letters import DeadLetter, Origin, dead_batch, dead_letter
from contract.decode import Invalid, decode_events
from contract.errors import Fatal, InvalidEvent
from contract.events import Event
from contract.native_core import NativeCoreFailed
from contract.partitioners import Home

REWRITE_RATIO: Final = 2
MIN_REWRITE_BYTES: Final = 8 * 1024 * 1024
LETTER_COST_BYTES: Final = 1024
"""A dead letter takes the time of as many bytes, beside its own: many short ones must not outlast a transaction."""
LETTER_COPIES: Final = 3
"""How often a dead letter is in memory while it is sent: here, in the client's batch, and in its request."""
REWRITE_PART_BYTES: Final = 16 * 1024 * 1024
"""How much of the table one commit writes, beside its changes."""


class Partition:
    """The state of one events partition; restored from and written to its changelog."""

    def __init__(self, number: int, settings: Settings, partitions: int) -> None:
        """An empty state, to be restored.

        Args:
            number: the events partition.
            settings: the worker's settings.
            partitions: the number of partitions of the events topic.
        """
        self.number = number
        self.settings = settings
        home = Home(settings.partitioner, number, partitions)
        self.placement = Placement(home)
        self.lifecycle = Lifecycle.RESTORING
        self._home = None if settings.partitioner == "unchecked" else home
        self.begin_anew()
        self.topic_id = ""
        """The id of the events topic."""
        self.next_offset = 0
        """The next input offset: all records before it are in the state, committed or not."""
        self.dead_letter_count = 0
        """All invalid records of the partition, those of the next commit included."""
        self.dead_run = DeadRun()
        """Its dead letters that follow each other."""
        self.dead: list[DeadLetter] = []
        """Dead letters that the next commit writes."""
        self.dead_bytes = 0
        """Their bytes."""
        self.uncommitted = 0
        """Records read since the last commit."""
        self.event_types: Counter[type] = Counter()
        """Types of the events ingested since the last commit -> how many."""
        self.restore_records_left = 0
        """Changelog records left to read, while it is restored."""
        self.reported = False
        """This session has committed a partial, so the one on the topic has these settings."""
        self.changelog_end = 0
        """The changelog partition's high watermark after our last commit; tells if another member has written since."""
        self.appended_bytes = 0
        """Changelog bytes written since the last rewrite, without those of the table."""
        self.table_bytes = 0
        """Changelog bytes of the last rewrite's table."""
        self.rewrite: Rewrite | None = None
        """The rewrite that has begun, if one has."""

    def begin_anew(self) -> None:
        """Forget the state."""
        self.state = new_state(self.settings.top, self.settings.basis, self._home)

    def become(self, lifecycle: Lifecycle) -> None:
        """Change to this state.

        Raises:
            WrongLifecycle: the present state may not change to it.
        """
        check_follows(self.lifecycle, lifecycle)
        self.lifecycle = lifecycle

    def ingest(self, part: Chunk | UnreadableBatch) -> None:
        """Ingest the next records; invalid events become dead letters."""
        if isinstance(part, UnreadableBatch):
            self._set_batch_aside(part)
            return
        ahead_s = self.settings.max_event_time_ahead_s
        dead: list[int] = []
        try:
            taken = self.state.take(part, None if ahead_s is None else latest_time(part, ahead_s))
            self.event_types.update(taken.events)
            if taken.rest:
                dead = self._ingest_decoded(part, taken.rest)
        except NativeCoreFailed as error:
            where = f"{self.settings.topics.events}-{self.number} from offset {part.offsets[0]} on"
            raise Fatal(f"{where}: {error}") from None
        self.dead_run.note(len(part), dead)
        self.placement.note_customers(self.state.totals().customers)
        self.uncommitted += len(part)
        self.next_offset = part.offsets[-1] + 1

    def _ingest_decoded(self, chunk: Chunk, at: Sequence[int]) -> list[int]:
        """Ingest the records at these indexes of the chunk, each decoded to an event; returns those of dead letters."""
        keys, values = chunk.at(at)
        events, invalid = decode_events(values, keys)
        ahead_s = self.settings.max_event_time_ahead_s
        if ahead_s is not None:
            events, invalid = within_limit(events, invalid, chunk.origins_at(at), ahead_s)
        misplaced = self.state.ingest(events)
        self.event_types.update(map(type, events))
        if misplaced:
            self.event_types.subtract(map(type, misplaced))
            self.placement.note_misplaced(event.customer_id for event in misplaced)
            invalid = self._with_misplaced(misplaced, events, invalid, len(values))
        dead = [at[i] for i, _ in invalid]
        for (i, error), origin in zip(invalid, chunk.origins_at(dead) if dead else (), strict=True):
            self._set_aside(chunk.offsets[at[i]], origin, keys[i], values[i], error)
        return dead

    def _with_misplaced(
        self, misplaced: list[Event], events: list[Event], invalid: Invalid, count: int
    ) -> Invalid:
        """The invalid events of `count` ones, and those whose customers belong on another partition, in order."""
        bad = {i for i, _ in invalid}
        at = {
            id(event): i for event, i in zip(events, (i for i in range(count) if i not in bad), strict=True)
        }
        wrong = [(at[id(event)], self.placement.invalid(event.customer_id)) for event in misplaced]
        return sorted([*invalid, *wrong], key=itemgetter(0))

    def _set_aside(
        self, offset: int, record: RecordOrigin, key: bytes | None, value: bytes | None, error: InvalidEvent
    ) -> None:
        timestamp_ms, on_wire = record
        origin = Origin(self.settings.topics.events, self.number, offset, timestamp_ms)
        headers = read_headers(on_wire)
        self._add(dead_letter(key, value, error, origin, headers, on_wire))

    def _set_batch_aside(self, batch: UnreadableBatch) -> None:
        origin = Origin(self.settings.topics.events, self.number, batch.first_offset, batch.timestamp_ms)
        self._add(dead_batch(batch.data, batch.error, origin, batch.last_offset, batch.records))
        self.dead_run.note_unreadable(batch.records)
        self.uncommitted += batch.records
        self.next_offset = batch.last_offset + 1

    def _add(self, letter: DeadLetter) -> None:
        self.dead.append(letter)
        self.dead_bytes += letter.size_bytes
        self.dead_letter_count += letter.records

    @property
    def commit_bytes(self) -> int:
        """The weight of the next commit for this partition, without a part of the table: bytes, and time as bytes."""
        of_letters = LETTER_COPIES * self.dead_bytes + LETTER_COST_BYTES * len(self.dead)
        return self.state.changed_bytes + of_letters

    @property
    def rewrite_due(self) -> bool:
        """Whether the changelog has grown so much that a rewrite should begin."""
        return self.appended_bytes > max(REWRITE_RATIO * self.table_bytes, MIN_REWRITE_BYTES)

    def write_changes(self, send: Callable[[bytes], None], *, rewrites: bool) -> None:
        """Send the changelog records of a commit: the changes since the last one, and in the last record the position.

        Args:
            send: called with each record's value.
            rewrites: send the next part of the table first; a rewrite begins if none has begun.
        """
        if rewrites:
            rewrite = self.rewrite = self.rewrite or Rewrite(self.state)
            rewrite.write_part(self.state, REWRITE_PART_BYTES, send)
            # If the table has one part, it holds the changes, too.
            self._pack_changes(_drop if rewrite.has_one_part else send)
            send(pack_position(self._position(), part=rewrite.part, completes=rewrite.is_complete))
        else:
            self._pack_changes(send)
            send(pack_position(self._position()))

    def _pack_changes(self, send: Callable[[bytes], None]) -> None:
        for value in self.state.pack_changes():
            send(value)

    def _position(self) -> Position:
        totals = self.state.totals()
        return Position(
            group=self.settings.group,
            topic_id=self.topic_id,
            partitioner="" if self.settings.partitioner == "unchecked" else self.settings.partitioner,
            next_offset=self.next_offset,
            events=totals.events,
            dead_letters=self.dead_letter_count,
            consecutive_dead_letters=self.dead_run.length,
            time_min=totals.time_min,
            time_max=totals.time_max,
        )

    def partial(self) -> Partial:
        """The partition's partial, as of the last `write_changes`."""
        partial = partial_of(
            self.state.totals(),
            self.state.best(),
            x=self.settings.top,
            basis=self.settings.basis,
            next_offset=self.next_offset,
            dead_letters=self.dead_letter_count,
        )
        settings = self.settings
        return replace(
            partial,
            owner=settings.advertised_url,
            worker_id=settings.worker_id,
            partitioner=settings.partitioner,
        )

    def committed(self, first_offset: int, end: int, size_bytes: int) -> int | None:
        """Note that a commit succeeded.

        Args:
            first_offset: the offset of its first changelog record.
            end: the offset after its last record and its marker.
            size_bytes: the bytes of its changelog records.

        Returns:
            The offset before which changelog records are no longer needed, if a rewrite is complete.
        """
        self.dead, self.dead_bytes = [], 0
        self.dead_run.committed()
        self.uncommitted = 0
        self.event_types.clear()
        self.reported = True
        self.changelog_end = end
        self.appended_bytes += size_bytes
        rewrite = self.rewrite
        if rewrite is None:
            return None
        rewrite.committed(first_offset, size_bytes)
        if not rewrite.is_complete:
            return None
        self.table_bytes, self.appended_bytes = rewrite.table_bytes, rewrite.changes_bytes
        self.rewrite = None
        return rewrite.first_offset


def _drop(value: bytes) -> None:
    """Send nothing: the part of the table has these rows."""
