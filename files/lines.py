"""Events one a line."""

from collections.abc import Iterator
from io import BufferedReader
from itertools import compress, count
from typing import Final

from files.kept_event import MAX_KEPT_BYTES

SKIPPED_AT_ONCE_BYTES: Final = 128 * 1024


def read_lines(stream: BufferedReader, line: int) -> Iterator[tuple[int, bytes]]:
    """The number of each line that is not blank, from `line` on, and the event on it."""
    while ahead := stream.peek(1)[:MAX_KEPT_BYTES]:
        whole = ahead.rfind(b"\n") + 1
        if whole:
            texts = stream.read(whole).split(b"\n")
            texts.pop()  # What follows the last line's end: nothing.
            events = list(map(bytes.strip, texts))
            yield from compress(zip(count(line), events), events)  # Blank ones fall out.
            line += len(texts)
            continue
        text = stream.readline(MAX_KEPT_BYTES)
        if not text.endswith(b"\n") and not _only_blanks_follow(stream):
            yield line, text  # Over-long.
        elif event := text.strip():
            yield line, event
        line += 1


def _only_blanks_follow(stream: BufferedReader) -> bool:
    """Read to the end of the line and let it go."""
    blank = True
    while rest := stream.readline(SKIPPED_AT_ONCE_BYTES):
        blank = blank and not rest.strip()
        if rest.endswith(b"\n"):
            break
    return blank
