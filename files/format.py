"""Which format a file of events has, and its events, one by one: one pass, constant memory.

A file is a JSON array or one event a line, either gzip'ed; "-" is standard input. Reading never judges an event:
whatever stands where an event should is handed on as it stands.
"""

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, cast

from files.file_errors import file_errors
from files.json_array import JsonArray
from files.lines import read_lines

CHUNK_BYTES: Final = 128 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b"


def read_events(path: str, chunk_bytes: int = CHUNK_BYTES) -> Iterator[tuple[int, bytes]]:
    """The line (from 1) where each event begins, and the event's bytes.

    Args:
        path: the file; "-" is standard input.
        chunk_bytes: how much is read at once.

    Raises:
        Fatal: the file can't be read, or its gzip data is damaged.
    """
    with file_errors(path), _opened(path, max(chunk_bytes, len(GZIP_MAGIC))) as stream:
        line = 1
        while (head := stream.peek(1)) and not head.strip():
            line += head.count(b"\n")
            stream.read(len(head))
        if head.lstrip()[:1] == b"[":
            yield from JsonArray(stream, line, chunk_bytes).elements()
        else:
            yield from read_lines(stream, line)


@contextmanager
def _opened(path: str, chunk_bytes: int) -> Iterator[BufferedReader]:
    if path == "-":
        stream = BufferedReader(cast("Any", sys.stdin.buffer), chunk_bytes)
        try:
            yield _unzipped(stream, chunk_bytes)
        finally:
            stream.detach()  # It would close standard input.
        return
    with Path(path).open("rb") as file:
        yield _unzipped(BufferedReader(file, chunk_bytes), chunk_bytes)


def _unzipped(stream: BufferedReader, chunk_bytes: int) -> BufferedReader:
    if stream.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC):
        return BufferedReader(gzip.GzipFile(fileobj=stream), chunk_bytes)
    return stream
