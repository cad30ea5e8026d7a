"""Event files to a snapshot, without Kafka, in one pass. Memory grows with customers and orders only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import nsmallest

from consumer.domain.aggregate import Aggregate
from consumer.domain.coverage import WHOLE_FILES
from consumer.domain.ingest import ingest_events
from consumer.domain.partial import merge, partial_of
from contract.decode import chunks, decode_events
from contract.errors import InvalidEvent
from contract.lifetime_value import rank_position
from contract.snapshots import Basis, Snapshot
from contract.times import time_text
from files.format import read_events


@dataclass
class Batch:
    """One run over any number of files."""

    on_rejected: Callable[[str, int, bytes, InvalidEvent], None]
    """Called for each invalid event, in the files' order, with file, line, value and error."""
    aggregate: Aggregate = field(default_factory=lambda: Aggregate(notes_changes=False))
    rejected: int = 0
    """How many events were invalid."""

    def ingest_file(self, path: str) -> Iterator[int]:
        """Ingest the events of one file ("-": standard input); yields the bytes of each chunk of events."""
        for chunk in chunks(read_events(path)):
            events, invalid = decode_events([value for _, value in chunk])
            ingest_events(events, self.aggregate)
            for i, error in invalid:
                self.on_rejected(path, *chunk[i], error)
            self.rejected += len(invalid)
            yield sum(len(value) for _, value in chunk) + len(chunk)

    def snapshot(self, x: int, basis: Basis, now: datetime) -> Snapshot:
        """The top x of all ingested events, in the shape that subscribers of ltv.snapshots get."""
        best = nsmallest(x, self.aggregate, key=lambda c: rank_position(c.id, c.spend, c.weeks, basis))
        partial = partial_of(self.aggregate, best, x=x, basis=basis, dead_letters=self.rejected)
        return merge(
            [partial],
            x=x,
            basis=basis,
            coverage=WHOLE_FILES,
            sequence=0,
            emitted_at=time_text(now.astimezone(UTC)) or "",
            previous_ranks={},
        )
