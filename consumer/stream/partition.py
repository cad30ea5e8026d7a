"""One events partition: its state, how far it is, and what the next commit must write."""

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
from consumer.stream.transport import Batch
from contract.dead_letters import DeadLetter, Origin, dead_letter
from contract.decode import CHUNK_EVENTS, Invalid, decode_events
from contract.errors import InvalidEvent
from contract.events import Event

REWRITE_RATIO: Final = 2
MIN_REWRITE_BYTES: Final = 8 * 1024 * 1024


class Partition:
    """State of one events partition, between its changelog and the session."""

    def __init__(self, number: int, settings: Settings, partitions: int) -> None:
        """An empty state, to be restored.

        Args:
            number: of the events partition.
            settings: of the application that this is the state of.
            partitions: how many the events topic has.
        """
        self.number = number
        self.settings = settings
        self.placement = Placement(settings.partitioner, number, partitions)
        self.lifecycle = Lifecycle.RESTORING
        self.aggregate = Aggregate()
        self.top = Top(settings.top, settings.basis)
        self.topic_id = ""
        """Of the events topic that this is a partition of."""
        self.next_offset = 0
        """Where to go on reading: what is before it is in the state, committed or not."""
        self.dead_letter_count = 0
        """Dead letters of all time, those to be committed next included."""
        self.dead: list[DeadLetter] = []
        """To be written by the next commit."""
        self.uncommitted = 0
        """Records read since the last commit."""
        self.reported = False
        """The partial on the topic is as of the last commit, with these settings."""
        self.changelog_end = 0
        """The changelog partition's high watermark after our last commit: has another member written since?"""
        self.appended_bytes = 0
        """Changelog bytes since the last rewrite began."""
        self.table_bytes = 0
        """What the last rewrite took."""

    def become(self, lifecycle: Lifecycle) -> None:
        """Go into this state.

        Raises:
            WrongLifecycle: it can't follow the present one.
        """
        check_follows(self.lifecycle, lifecycle)
        self.lifecycle = lifecycle

    def ingest(self, batch: Batch) -> None:
        """Take in a poll's records; what is invalid becomes a dead letter."""
        for start in range(0, len(batch.values), CHUNK_EVENTS):
            chunk = slice(start, start + CHUNK_EVENTS)
            events, invalid = decode_events(batch.values[chunk], batch.keys[chunk])
            strangers = ingest_events(events, self.aggregate, self.placement.holds)
            if strangers:
                invalid = self._with_strangers(strangers, events, invalid)
            for i, error in invalid:
                self._set_aside(batch, start + i, error)
        self.uncommitted += len(batch.values)
        self.next_offset = batch.offsets[-1] + 1

    def _with_strangers(self, strangers: list[Event], events: list[Event], invalid: Invalid) -> Invalid:
        """The invalid ones of a chunk, with those whose customers belong on another partition, in order."""
        bad = {i for i, _ in invalid}
        at = {id(event): i for event, i in zip(events, (i for i in count() if i not in bad), strict=False)}
        wrong = [(at[id(event)], self.placement.invalid(event.customer_id)) for event in strangers]
        return sorted([*invalid, *wrong], key=itemgetter(0))

    def _set_aside(self, batch: Batch, i: int, error: InvalidEvent) -> None:
        origin = Origin(self.settings.topics.events, self.number, batch.offsets[i], batch.timestamps_ms[i])
        self.dead.append(dead_letter(batch.keys[i], batch.values[i], error, origin))
        self.dead_letter_count += 1

    @property
    def rewrite_due(self) -> bool:
        """Whether the changelog has grown enough past the table to write the whole table and trim."""
        return self.appended_bytes > max(REWRITE_RATIO * self.table_bytes, MIN_REWRITE_BYTES)

    def write_changes(self, send: Callable[[bytes], None], *, whole: bool) -> None:
        """Take what has changed, rank it, and send it as changelog records, the position in the last one.

        A record's worth at a time: its customers stay in the processor's cache from step to step.

        Args:
            send: takes each record's value.
            whole: send the whole table instead of what has changed.
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
        """The partition's share of the snapshot, as of the changes taken."""
        return partial_of(
            self.aggregate,
            self.top.best(),
            x=self.settings.top,
            basis=self.settings.basis,
            next_offset=self.next_offset,
            dead_letters=self.dead_letter_count,
        )

    def committed(self, changelog_end: int, appended_bytes: int, *, whole: bool) -> None:
        """A commit went through: its changelog records took so many bytes and end before `changelog_end`."""
        self.dead = []
        self.uncommitted = 0
        self.reported = True
        self.changelog_end = changelog_end
        if whole:
            self.table_bytes, self.appended_bytes = appended_bytes, 0
        else:
            self.appended_bytes += appended_bytes
