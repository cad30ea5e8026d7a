"""Events of files that were not taken: the first few are shown, all are counted, and kept where asked to."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from contract.errors import InvalidEvent, counted
from ltv.console.consoles import stderr_console
from ltv.console.text import plain

SHOWN: Final = 20

HELP: Final = (
    "as JSON lines with reason, field, error, file, line and event (event_base64 where the event is not UTF-8). "
    "To get the events back, one a line, correct them and run again: jq -r '.event // empty' FILE."
)
"""Of the option that says where to keep them."""


class Output(Protocol):
    """Where the events are kept."""

    def write(self, data: bytes, /) -> object:
        """Append these bytes."""


class Rejects:
    """Says on standard error what was wrong with which event; keeps the events where asked to."""

    def __init__(self, output: Output | None, path: str | None) -> None:
        self._output = output
        self._path = path
        self._console = stderr_console()
        self.counts: Counter[str] = Counter()
        """Rejected events by reason."""

    def add(self, path: str, line: int, value: bytes, error: InvalidEvent) -> None:
        """Count it; show it if it is one of the first; write it out, on one line."""
        if self.counts.total() < SHOWN:
            self._console.print(plain(f"{path}:{line}: {error.reason}: {error}"), soft_wrap=True)
        self.counts[error.reason] += 1
        if self._output:
            self._output.write(msgspec.json.encode(_kept(path, line, value, error)) + b"\n")

    def summarize(self, all_of: Callable[[int], str]) -> None:
        """The count by reason, once all files are read; nothing where all was valid.

        Args:
            all_of: what to call so many of them.
        """
        total = self.counts.total()
        if total > SHOWN:
            self._console.print(f"... and {total - SHOWN:,} more")
        if total:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.counts.most_common())
            kept = f"; written to {plain(self._path)}" if self._path else ""
            self._console.print(f"{all_of(total)}: {reasons}{kept}", soft_wrap=True)


def invalid_events(number: int) -> str:
    """What `ltv batch` calls them."""
    return counted(number, "invalid event")


def events_not_sent(number: int) -> str:
    """What `ltv publish` calls them: among them may be valid ones that the topic does not take."""
    return f"{counted(number, 'event')} not sent"


def _kept(path: str, line: int, value: bytes, error: InvalidEvent) -> dict[str, Any]:
    # A line break within an element of an array is only layout: a blank does as well.
    event = value.replace(b"\r", b" ").replace(b"\n", b" ")
    kept: dict[str, Any] = {
        "reason": error.reason,
        "field": error.field,
        "error": error.detail,
        "file": path.encode(errors="backslashreplace").decode(),
        "line": line,
    }
    try:
        return {**kept, "event": event.decode()}
    except UnicodeDecodeError:
        return {**kept, "event_base64": b64encode(event).decode()}
