"""Files with one event per line."""

from collections.abc import Iterator
from io import BufferedReader
from itertools import compress, count, repeat
from typing import Final, NamedTuple

from contract import native_core
from contract.events import MAX_EVENT_BYTES
from files.event_gap import EventGap

MAX_KEPT_BYTES: Final = MAX_EVENT_BYTES + 1
"""A longer event is yielded cut to this length: enough to reject it as oversize."""
SKIPPED_AT_ONCE_BYTES: Final = 128 * 1024


BLANKS: Final = b" \t\n\r\v\f"


class LineBlock(NamedTuple):
    """Successive lines of a file."""

    line: int
    """The number of the first one."""
    text: bytes
    around: bytes
    """The bytes that may stand around an event."""

    def events(self) -> Iterator[tuple[int, bytes]]:
        """The number of each line that is not blank, and the event on it."""
        events = list(map(bytes.strip, self.text.split(b"\n"), repeat(self.around)))
        return compress(zip(count(self.line), events, strict=False), events)  # Drops blank lines.


def read_lines(
    stream: BufferedReader, line: int, gap: EventGap, around: bytes = BLANKS
) -> Iterator[LineBlock]:
    """Yield the lines of a file, as many as can be read at once.

    Args:
        stream: the lines.
        line: the number of the first line.
        gap: is told when events have ended.
        around: the bytes that may stand around an event.
    """
    core = native_core.core  # CPython counts bytes one by one.
    while ahead := stream.peek(1)[:MAX_KEPT_BYTES]:
        whole = ahead.rfind(b"\n") + 1
        if whole:
            text = stream.read(whole)
            if text.lstrip(around):
                gap.end()
            yield LineBlock(line, text, around)
            line += core.count_line_ends(text) if core else text.count(b"\n")
            continue
        text = stream.readline(MAX_KEPT_BYTES)
        if not text.endswith(b"\n") and not _only_blanks_follow(stream):
            gap.end()
            yield LineBlock(line, text, b"")  # Oversize.
        elif text.strip(around):
            gap.end()
            yield LineBlock(line, text, around)
        line += 1


def _only_blanks_follow(stream: BufferedReader) -> bool:
    """Skip the rest of the line; whether it is blank."""
    blank = True
    while rest := stream.readline(SKIPPED_AT_ONCE_BYTES):
        blank = blank and not rest.strip()
        if rest.endswith(b"\n"):
            break
    return blank
