"""Event files to a snapshot, without Kafka, in one pass. Memory grows with customers and orders only."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from consumer.domain.coverage import WHOLE_FILES
from consumer.domain.partial import merge, partial_of
from consumer.domain.state import State
from consumer.new_state import new_state
from contract.decode import chunks, decode_events
from contract.errors import InvalidEvent
from contract.snapshots import Basis, Snapshot
from contract.times import time_text
from files.format import read_events


@dataclass
class Batch:
    """One run over any number of files."""

    on_rejected: Callable[[str, int, bytes, InvalidEvent], None]
    """Called for each invalid event, in the files' order, with file, line, value and error."""
    state: State = field(default_factory=lambda: new_state(notes_changes=False))
    rejected: int = 0
    """How many events were invalid."""

    def ingest_file(self, path: str) -> Iterator[int]:
        """Ingest the events of one file ("-": standard input); yields the bytes of each chunk of events."""
        for chunk in chunks(read_events(path)):
            values = [value for _, value in chunk]
            rest = self.state.take(_Values(values)).rest
            events, invalid = decode_events([values[i] for i in rest])
            self.state.ingest(events)
            for i, error in invalid:
                self.on_rejected(path, *chunk[rest[i]], error)
            self.rejected += len(invalid)
            yield sum(map(len, values)) + len(chunk)

    def snapshot(self, x: int, basis: Basis, now: datetime) -> Snapshot:
        """The top x of all ingested events, in the shape that subscribers of ltv.snapshots get."""
        partial = partial_of(
            self.state.totals(), self.state.top(x, basis), x=x, basis=basis, dead_letters=self.rejected
        )
        return merge(
            [partial],
            x=x,
            basis=basis,
            coverage=WHOLE_FILES,
            sequence=0,
            emitted_at=time_text(now.astimezone(UTC)) or "",
            previous_ranks={},
        )


@dataclass(frozen=True)
class _Values:
    """Events of a file, which have no keys."""

    values: list[bytes]
    keys: None = None
    fields: None = None
