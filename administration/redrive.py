"""Redrive: send the events of dead letters back to their topic, each once, however often the command dies.

1. Take over the transactional id of the application's redrives. This fences another redrive that still runs, and
   aborts or finishes what it left.
2. Read the marks of all events that were redriven.
3. Read the letters, oldest first, and send them in batches. One transaction holds a batch's events and its marks.

So an event that is marked was sent, and one that is not marked was not. An interrupted redrive is run again.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from administration.event_writer import EventWriter
from administration.letter_range import LetterRange
from administration.redriven_event import (
    LeftBecause,
    LetterFilter,
    RedrivenEvent,
    header_texts,
    origin_of,
    redriven_event,
)
from administration.redriven_marks import RedrivenOrigins, encode_mark
from cluster.errors import Fenced
from cluster.fetched import Record
from cluster.log_reader import LogReader
from contract.dead_letters import DEFAULT_MAX_ATTEMPTS, REASON
from contract.errors import Retriable
from contract.partitioners import DEFAULT_PARTITIONER, PARTITIONERS, Partitioner
from contract.topics import Topics

BATCH_LETTERS: Final = 500
BATCH_BYTES: Final = 8 * 1024 * 1024
RECORD_OVERHEAD_BYTES: Final = 256
"""More than a batch of one record takes beside key, value and headers."""
HEADER_LENGTHS_BYTES: Final = 16
"""More than the lengths of a header's name and value take."""


@dataclass(frozen=True)
class RedriveOptions:
    """What to redrive, and how."""

    letters: LetterFilter = field(default_factory=LetterFilter)
    since_ms: int | None = None
    """Only letters set aside at this time or later, ms since 1970."""
    set_key: bool = False
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    partitioner: Partitioner = DEFAULT_PARTITIONER
    rate: float | None = None
    """Events a second at most; None: as fast as it goes."""

    @property
    def batch_letters(self) -> int:
        """How many letters one transaction has at most: with a rate, about those of one second."""
        return BATCH_LETTERS if self.rate is None else max(1, min(BATCH_LETTERS, int(self.rate)))


@dataclass
class RedriveTally:
    """How many dead letters are redriven and left, as far as a redrive has come."""

    redriven: Counter[str] = field(default_factory=Counter)
    """By reason."""
    left: Counter[LeftBecause] = field(default_factory=Counter)
    without_headers: int = 0
    """Redriven events of whose original headers some are not in the dead letter."""
    null_headers: int = 0
    """Headers of redriven events that were null, and are empty now."""

    def note(self, letter: Record, decided: RedrivenEvent | LeftBecause) -> None:
        """Count one dead letter."""
        if isinstance(decided, RedrivenEvent):
            self.redriven[header_texts(letter)[REASON]] += 1
            self.without_headers += decided.lacks_headers
            self.null_headers += decided.null_headers
        else:
            self.left[decided] += 1

    def add(self, other: "RedriveTally") -> None:
        """Add the counts of a batch."""
        self.redriven += other.redriven
        self.left += other.left
        self.without_headers += other.without_headers
        self.null_headers += other.null_headers


class _Batch(NamedTuple):
    events: list[RedrivenEvent]
    next_offset: int
    """Of the dead letters."""
    tally: RedriveTally


class Redrive:
    """One redrive over the dead letters that are there when it begins."""

    def __init__(
        self,
        reader: LogReader,
        topics: Topics,
        options: RedriveOptions,
        redriven: RedrivenOrigins,
        max_bytes_of: Callable[[str], int | None],
    ) -> None:
        """Find out where to begin and to end.

        Args:
            reader: one with small fetches, because each batch begins to read where the last batch ended.
            topics: of the application.
            options: what to redrive, and how.
            redriven: the events that were redriven before; the redrive adds its own.
            max_bytes_of: the largest record of a topic, in bytes; None: no limit is known.

        Raises:
            Fatal: there is no topic of dead letters.
        """
        self._reader = reader
        self._topics = topics
        self._topic = topics.dead_letters
        self._options = options
        self._redriven = redriven
        self._max_bytes_of = max_bytes_of
        self.tally = RedriveTally()
        """What `run` has sent and committed, and left, so far."""
        self._destinations: dict[str, tuple[int, int | None]] = {}
        """Topic -> its number of partitions, and the largest record in bytes."""
        self._range = LetterRange(reader, self._topic, options.letters, options.since_ms)

    def survey(self) -> RedriveTally:
        """Count what would be redriven and what would be left; writes nothing."""
        tally, chosen = RedriveTally(), RedrivenOrigins()
        for letter in self._range.letters():
            tally.note(letter, self._decide(letter, chosen))
        return tally

    def run(
        self,
        writer: EventWriter,
        *,
        should_stop: Callable[[], bool],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        """Redrive batch by batch until the end, or until `should_stop` says so between two batches.

        Raises:
            Retriable: the cluster does not answer, or another redrive has begun; what is committed stays.
        """
        began = clock()
        for number, start in self._range.starts.items():
            at = start
            while at < self._range.ends[number] and not should_stop():
                batch = self._next_batch(number, at)
                if batch.events:
                    self._send(writer, batch.events)
                self.tally.add(batch.tally)
                at = batch.next_offset
                if self._options.rate:
                    sleep(max(0.0, began + self.tally.redriven.total() / self._options.rate - clock()))

    def _next_batch(self, number: int, start: int) -> _Batch:
        events: list[RedrivenEvent] = []
        tally, chosen = RedriveTally(), RedrivenOrigins()
        size_bytes = 0
        for letter in self._range.letters_from(number, start):
            decided = self._decide(letter, chosen)
            tally.note(letter, decided)
            if isinstance(decided, RedrivenEvent):
                events.append(decided)
                size_bytes += _size_bytes(decided)
            if len(events) >= self._options.batch_letters or size_bytes >= BATCH_BYTES:
                return _Batch(events, letter.offset + 1, tally)
        return _Batch(events, self._range.ends[number], tally)

    def _decide(self, letter: Record, chosen: RedrivenOrigins) -> RedrivenEvent | LeftBecause:
        """The event of a letter, which is added to the `chosen` ones, or why the letter is left."""
        origin = origin_of(header_texts(letter))
        if origin and (origin in self._redriven or origin in chosen):
            return "redriven_before"
        decided = redriven_event(
            letter,
            set_key=self._options.set_key,
            max_attempts=self._options.max_attempts,
            own_topics=self._topics.own,
        )
        if not isinstance(decided, RedrivenEvent):
            return decided
        partitions, max_bytes = self._destination(decided.origin.topic)
        if not partitions:
            return "missing_topic"
        if max_bytes is not None and _size_bytes(decided) > max_bytes:
            return "too_large"
        chosen.add(decided.origin)
        return decided

    def _destination(self, topic: str) -> tuple[int, int | None]:
        if topic not in self._destinations:
            exists = self._reader.exists(topic)
            partitions = len(self._reader.partitions(topic)) if exists else 0
            self._destinations[topic] = partitions, self._max_bytes_of(topic) if exists else None
        return self._destinations[topic]

    def _send(self, writer: EventWriter, events: list[RedrivenEvent]) -> None:
        """Send the events and their mark, in one transaction."""
        origins = [event.origin for event in events]
        key, mark = encode_mark(origins)
        try:
            writer.begin()
            for event in events:
                partition = self._partition_of(event)
                writer.send(event.origin.topic, partition, event.value, event.key, event.headers)
            writer.send(self._topics.redriven, 0, mark, key)
            writer.commit_sent()
        except Fenced as error:
            raise Retriable(
                f"another redrive of {self._topic} has begun and goes on with what is left; what this one has "
                "committed was sent once"
            ) from error
        for origin in origins:
            self._redriven.add(origin)

    def _partition_of(self, event: RedrivenEvent) -> int:
        partitions, _ = self._destination(event.origin.topic)
        if event.places_by is None:
            return event.origin.partition % partitions
        named = self._options.partitioner
        place = PARTITIONERS[DEFAULT_PARTITIONER if named == "unchecked" else named]
        return place(event.places_by, partitions)


def _size_bytes(event: RedrivenEvent) -> int:
    """A little more than the event takes as a batch of one record, in bytes."""
    in_headers = sum(len(name.encode()) + len(value) + HEADER_LENGTHS_BYTES for name, value in event.headers)
    return len(event.key or b"") + len(event.value or b"") + in_headers + RECORD_OVERHEAD_BYTES
