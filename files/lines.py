"""Files with one event per line."""

from collections.abc import Iterator
from io import BufferedReader
from itertools import compress, count, repeat
from typing import Final

from contract.events import MAX_EVENT_BYTES
from files.event_gap import EventGap

MAX_KEPT_BYTES: Final = MAX_EVENT_BYTES + 1
"""A longer event is yielded cut to this length: enough to reject it as oversize."""
SKIPPED_AT_ONCE_BYTES: Final = 128 * 1024


def read_lines(
    stream: BufferedReader, line: int, gap: EventGap, around: bytes | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yield the number of each line that is not blank, and the event on it.

    Args:
        stream: the lines.
        line: the number of the first line.
        gap: is told when events have ended.
        around: the bytes that may stand around an event; None: blanks.
    """
    while ahead := stream.peek(1)[:MAX_KEPT_BYTES]:
        whole = ahead.rfind(b"\n") + 1
        if whole:
            texts = stream.read(whole).split(b"\n")
            texts.pop()  # The empty text after the last line end.
            events = list(map(bytes.strip, texts, repeat(around)))
            if any(events):
                gap.end()
            yield from compress(zip(count(line), events), events)  # Drops blank lines.
            line += len(texts)
            continue
        text = stream.readline(MAX_KEPT_BYTES)
        if not text.endswith(b"\n") and not _only_blanks_follow(stream):
            gap.end()
            yield line, text  # Oversize.
        elif event := text.strip(around):
            gap.end()
            yield line, event
        line += 1


def _only_blanks_follow(stream: BufferedReader) -> bool:
    """Skip the rest of the line; whether it is blank."""
    blank = True
    while rest := stream.readline(SKIPPED_AT_ONCE_BYTES):
        blank = blank and not rest.strip()
        if rest.endswith(b"\n"):
            break
    return blank
