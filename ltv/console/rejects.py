"""Rejected events of files: the first few are shown, all are counted, and --rejects keeps them in a file."""

from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from contract.errors import InvalidEvent, counted
from contract.printable import printable
from ltv.console.consoles import stderr_console
from ltv.console.lines import say

SHOWN: Final = 20

HELP: Final = (
    "as JSON lines with reason, field, error, file, line and event (event_base64 if the event is not UTF-8). "
    "To extract the events, one per line, correct them and run again: jq -r '.event // empty' FILE."
)
"""The end of the help of --rejects."""


class Writable(Protocol):
    """A file for the rejected events."""

    def write(self, data: bytes, /) -> object:
        """Append bytes."""


class Rejects:
    """Shows rejected events on standard error, and writes them to a file if there is one."""

    def __init__(self, file: Writable | None, path: str | None) -> None:
        self._file = file
        self._path = path
        self.console = stderr_console()
        """Where they are shown; a bar on the same terminal must have the same console."""
        self.counts: Counter[str] = Counter()
        """Rejected events by reason."""

    def add(self, path: str, line: int, value: bytes, error: InvalidEvent) -> None:
        """Count the event; show it if it is one of the first; write it to the file, on one line."""
        if self.counts.total() < SHOWN:
            self.console.print(
                printable(f"{path}:{line}: {error.reason}: {error}"), soft_wrap=not self.console.is_terminal
            )
        self.counts[error.reason] += 1
        if self._file:
            self._file.write(msgspec.json.encode(_kept(path, line, value, error)) + b"\n")

    def summarize(self, all_of: Callable[[int], str]) -> None:
        """Print the counts by reason, after the last file; nothing if no event was rejected.

        Args:
            all_of: names a number of rejected events, such as "3 invalid events".
        """
        total = self.counts.total()
        if total > SHOWN:
            say(f"... and {total - SHOWN:,} more")
        if total:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in self.counts.most_common())
            kept = f"; written to {self._path}" if self._path else ""
            say(f"{all_of(total)}: {reasons}{kept}")


def invalid_events(number: int) -> str:
    """The rejected events of `ltv batch`."""
    return counted(number, "invalid event")


def events_not_sent(number: int) -> str:
    """The rejected events of `ltv publish`, which include valid events that are too large for the topic."""
    return f"{counted(number, 'event')} not sent"


def _kept(path: str, line: int, value: bytes, error: InvalidEvent) -> dict[str, Any]:
    # A line break within an array element is only layout, so a blank can replace it.
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
