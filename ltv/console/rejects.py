"""Invalid events of files: the first few are shown with file and line, all are counted, and kept where asked to."""

from collections import Counter
from typing import Final, Protocol

from contract.errors import InvalidEvent
from ltv.console.streams import notes
from ltv.console.text import plain

SHOWN: Final = 20


class Output(Protocol):
    """Where the events themselves are kept."""

    def write(self, data: bytes, /) -> object:
        """Append these bytes."""


class Rejects:
    """Says on standard error what was invalid and why; keeps the events themselves where asked to."""

    def __init__(self, output: Output | None, path: str | None) -> None:
        self._output = output
        self._path = path
        self._console = notes()
        self.counts: Counter[str] = Counter()
        """Invalid events by reason."""

    def add(self, path: str, line: int, value: bytes, error: InvalidEvent) -> None:
        """Count it; show it if it is one of the first; write it out as it stood, on one line."""
        if self.counts.total() < SHOWN:
            self._console.print(plain(f"{path}:{line}: {error.reason}: {error}"))
        self.counts[error.reason] += 1
        if self._output:
            # A line break within an element of an array is only layout: a blank does as well.
            self._output.write(value.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")

    def summarize(self) -> None:
        """The count by reason, once all files are read; nothing where all was valid."""
        total = self.counts.total()
        if total > SHOWN:
            self._console.print(f"... and {total - SHOWN:,} more")
        if total:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.counts.most_common())
            kept = f"; written to {plain(self._path)}" if self._path else ""
            self._console.print(f"{total:,} invalid events: {reasons}{kept}")
