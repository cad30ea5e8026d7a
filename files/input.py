"""Input files: open them, decompress them, and check them before the work begins."""

import gzip
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, cast

from files.event_gap import EventGap
from files.file_errors import file_errors
from files.other_formats import refuse_other_formats

CHUNK_BYTES: Final = 128 * 1024
HEAD_BYTES: Final = 16 * 1024
"""The format of a file is detected from this many bytes."""
STDIN: Final = 0
"""The file descriptor of standard input."""
GZIP_MAGIC: Final = b"\x1f\x8b"
BOM: Final = b"\xef\xbb\xbf"


class Head:
    """The beginning of a file, without byte order mark and leading blank lines, and the line on which it stands."""

    def __init__(self, path: str, stream: BufferedReader, gap: EventGap) -> None:
        self.line = 1
        first = stream.read(HEAD_BYTES)
        self.text = first.removeprefix(BOM)
        while self.text and not self.text.strip():
            gap.add(len(first))
            self.line += self.text.count(b"\n")
            self.text = first = stream.read(HEAD_BYTES)
        refuse_other_formats(path, self.text, is_all=len(first) < HEAD_BYTES)


def check_inputs(paths: Iterable[str]) -> None:
    """Check before the work begins that each file can be read and has a known format; nothing is read from pipes.

    Raises:
        Fatal: a file can't be opened, has another format, or begins with too many blanks.
    """
    for path in paths:
        if path == "-":
            with file_errors("standard input"):
                os.read(STDIN, 0)
            continue
        with file_errors(path):
            if not Path(path).is_fifo() and not Path(path).is_char_device():
                with open_input(path) as stream:
                    Head(path, stream, EventGap(path))


@contextmanager
def open_input(path: str, chunk_bytes: int = HEAD_BYTES) -> Iterator[BufferedReader]:
    """The bytes of a file, decompressed if it is gzip; "-" is standard input, which stays open.

    Raises:
        OSError: the file can't be opened.
    """
    # A read longer than the buffer would bypass it.
    chunk_bytes = max(min(chunk_bytes, HEAD_BYTES), len(GZIP_MAGIC))
    if path == "-":
        stream = BufferedReader(cast("Any", sys.stdin.buffer), chunk_bytes)
        try:
            yield _unzipped(stream, chunk_bytes)
        finally:
            stream.detach()  # The BufferedReader would close standard input.
        return
    with Path(path).open("rb") as file:
        yield _unzipped(BufferedReader(file, chunk_bytes), chunk_bytes)


def _unzipped(stream: BufferedReader, chunk_bytes: int) -> BufferedReader:
    if stream.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC):
        return BufferedReader(gzip.GzipFile(fileobj=stream), chunk_bytes)
    return stream


def put_back(
    head: bytes, stream: BufferedReader, chunk_bytes: int = CHUNK_BYTES, gap: EventGap | None = None
) -> BufferedReader:
    """A stream of the bytes that were already read (`head`), followed by the rest of `stream`; `gap` counts them."""
    return BufferedReader(_PutBack(head, stream, gap), chunk_bytes)


class _PutBack(io.RawIOBase):
    def __init__(self, head: bytes, stream: BufferedReader, gap: EventGap | None) -> None:
        self._head = memoryview(head)
        self._stream = stream
        self._gap = gap

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._read(buffer)
        if self._gap:
            self._gap.add(count)
        return count

    def _read(self, buffer: Any) -> int:
        if not self._head:
            return self._stream.readinto1(buffer)
        count = min(len(buffer), len(self._head))
        buffer[:count] = self._head[:count]
        self._head = self._head[count:]
        return count
