"""Event files to a snapshot, without Kafka, in one pass. Memory grows with customers and orders only."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from consumer.domain.coverage import WHOLE_FILES
from consumer.domain.partial import merge, partial_of
from consumer.domain.state import State
from consumer.new_state import new_state
from contract import native_core
from contract.decode import chunks, decode_events
from contract.errors import InvalidEvent
from contract.snapshots import Basis, Snapshot
from contract.times import time_text
from files.format import read_blocks, read_events
from files.lines import LineBlock


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
        core = native_core.core
        if core is None:
            yield from self._ingest_events(path, read_events(path))
            return
        for block in read_blocks(path):
            if not isinstance(block, LineBlock):
                yield from self._ingest_events(path, block)
            else:
                self._ingest_lines(path, block.line, core.read_lines(block.text, block.around))
                yield len(block.text)

    def _ingest_lines(self, path: str, line: int, fields: Any) -> None:
        """Ingest lines that the native core has read; `line` is the number of the first one."""
        rest = self.state.take(_Lines(fields)).rest
        if rest:
            self._ingest_decoded(path, [line + number for number in fields.lines(rest)], fields.at(rest)[1])

    def _ingest_events(self, path: str, events: Iterator[tuple[int, bytes]]) -> Iterator[int]:
        for chunk in chunks(events):
            lines, values = zip(*chunk, strict=True)
            rest = self.state.take(_Values(values)).rest
            self._ingest_decoded(path, [lines[i] for i in rest], [values[i] for i in rest])
            yield sum(map(len, values)) + len(chunk)

    def _ingest_decoded(self, path: str, lines: Sequence[int], values: Sequence[bytes]) -> None:
        """Ingest events by the reference; `lines` are their numbers in the file."""
        events, invalid = decode_events(values)
        self.state.ingest(events)
        for i, error in invalid:
            self.on_rejected(path, lines[i], values[i], error)
        self.rejected += len(invalid)

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

    values: Sequence[bytes]
    keys: None = None
    fields: None = None


@dataclass(frozen=True)
class _Lines:
    """Events of a file that the native core has read."""

    fields: Any
    keys: None = None

    @property
    def values(self) -> Sequence[bytes]:
        values: Sequence[bytes] = self.fields.values()
        return values
