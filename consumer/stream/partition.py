"""One events partition: its state, its next offset, and the records that the next commit must write."""

from collections.abc import Callable
from itertools import count
from operator import itemgetter
from typing import Final

from consumer.domain.aggregate import Aggregate
from consumer.domain.ingest import ingest_events
from consumer.domain.partial import Partial, partial_of
from consumer.domain.top import Top
from consumer.settings import Settings
from consumer.stream.changelog import ROWS_PER_RECORD, Position, pack_position, pack_rows
from consumer.stream.lifecycle import Lifecycle, check_follows
from consumer.stream.placement import Placement
from consumer.stream.transport import Polled
from contract.dead_letters import DeadLetter, Origin, dead_letter
from contract.decode import CHUNK_EVENTS, Invalid, decode_events
from contract.errors import InvalidEvent
from contract.events import Event

REWRITE_RATIO: Final = 2
MIN_REWRITE_BYTES: Final = 8 * 1024 * 1024


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
        self.placement = Placement(settings.partitioner, number, partitions)
        self.lifecycle = Lifecycle.RESTORING
        self.aggregate = Aggregate()
        self.top = Top(settings.top, settings.basis)
        self.topic_id = ""
        """The id of the events topic."""
        self.next_offset = 0
        """The next input offset: all records before it are in the state, committed or not."""
        self.dead_letter_count = 0
        """All dead letters of the partition, those of the next commit included."""
        self.dead: list[DeadLetter] = []
        """Dead letters that the next commit writes."""
        self.uncommitted = 0
        """Records read since the last commit."""
        self.reported = False
        """This session has committed a partial, so the one on the topic has these settings."""
        self.changelog_end = 0
        """The changelog partition's high watermark after our last commit; tells if another member has written since."""
        self.appended_bytes = 0
        """Changelog bytes written since the last rewrite."""
        self.table_bytes = 0
        """Changelog bytes of the last rewrite."""

    def become(self, lifecycle: Lifecycle) -> None:
        """Change to this state.

        Raises:
            WrongLifecycle: the present state may not change to it.
        """
        check_follows(self.lifecycle, lifecycle)
        self.lifecycle = lifecycle

    def ingest(self, batch: Polled) -> None:
        """Ingest a poll's records; invalid events become dead letters."""
        for start in range(0, len(batch.values), CHUNK_EVENTS):
            chunk = slice(start, start + CHUNK_EVENTS)
            events, invalid = decode_events(batch.values[chunk], batch.keys[chunk])
            misplaced = ingest_events(events, self.aggregate, self.placement.holds)
            if misplaced:
                invalid = self._with_misplaced(misplaced, events, invalid)
            for i, error in invalid:
                self._set_aside(batch, start + i, error)
        self.uncommitted += len(batch.values)
        self.next_offset = batch.offsets[-1] + 1

    def _with_misplaced(self, misplaced: list[Event], events: list[Event], invalid: Invalid) -> Invalid:
        """The invalid events of a chunk and those whose customers belong on another partition, in offset order."""
        bad = {i for i, _ in invalid}
        at = {id(event): i for event, i in zip(events, (i for i in count() if i not in bad), strict=False)}
        wrong = [(at[id(event)], self.placement.invalid(event.customer_id)) for event in misplaced]
        return sorted([*invalid, *wrong], key=itemgetter(0))

    def _set_aside(self, batch: Polled, i: int, error: InvalidEvent) -> None:
        origin = Origin(self.settings.topics.events, self.number, batch.offsets[i], batch.timestamps_ms[i])
        self.dead.append(dead_letter(batch.keys[i], batch.values[i], error, origin))
        self.dead_letter_count += 1

    @property
    def rewrite_due(self) -> bool:
        """Whether the changelog has grown so much that the next commit should write the whole table and trim."""
        return self.appended_bytes > max(REWRITE_RATIO * self.table_bytes, MIN_REWRITE_BYTES)

    def write_changes(self, send: Callable[[bytes], None], *, whole: bool) -> None:
        """Take the changes, update the ranking, and send them as changelog records, the position in the last one.

        ROWS_PER_RECORD customers at a time, so that they stay in the processor's cache from step to step.

        Args:
            send: called with each record's value.
            whole: send the whole table instead of the changes.
        """
        everyone = self.aggregate.customers.values()
        while changes := self.aggregate.take_changes(ROWS_PER_RECORD):
            self.top.update(changes, everyone)
            if not whole:
                for value in pack_rows(changes):
                    send(value)
        if whole:
            for value in pack_rows(self.aggregate.everything(), whole=True):
                send(value)
        send(pack_position(self._position(), whole=whole))

    def _position(self) -> Position:
        return Position(
            group=self.settings.group,
            topic_id=self.topic_id,
            partitioner="" if self.settings.partitioner == "unchecked" else self.settings.partitioner,
            next_offset=self.next_offset,
            events=self.aggregate.events,
            dead_letters=self.dead_letter_count,
            time_min=self.aggregate.time_min,
            time_max=self.aggregate.time_max,
        )

    def partial(self) -> Partial:
        """The partition's partial, as of the last `write_changes`."""
        return partial_of(
            self.aggregate,
            self.top.best(),
            x=self.settings.top,
            basis=self.settings.basis,
            next_offset=self.next_offset,
            dead_letters=self.dead_letter_count,
        )

    def committed(self, changelog_end: int, appended_bytes: int, *, whole: bool) -> None:
        """Note that a commit succeeded: it wrote `appended_bytes` to the changelog, which ends at `changelog_end`."""
        self.dead = []
        self.uncommitted = 0
        self.reported = True
        self.changelog_end = changelog_end
        if whole:
            self.table_bytes, self.appended_bytes = appended_bytes, 0
        else:
            self.appended_bytes += appended_bytes
