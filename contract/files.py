"""Events in files: a JSON array or one event a line, either gzip'ed, or standard input. One pass, constant memory.

Reading never judges an event: whatever stands where an event should is handed on as it stands.
"""

import gzip
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec

from contract.errors import Fatal
from contract.events import MAX_EVENT_BYTES

CHUNK_BYTES: Final = 1024 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b"
GZIP_LEVEL: Final = 5
MAX_KEPT_BYTES: Final = MAX_EVENT_BYTES + 1
"""Of a longer event so much is handed on: enough for it to be called oversize."""
MAX_GUESSES: Final = 4

_BLANKS: Final = re.compile(rb"[ \t\r\n]*")
_END: Final = re.compile(rb"[ \t\r\n]*[,\]]")
_STRUCTURE: Final = re.compile(rb'["{}\[\],]')
_IN_STRING: Final = re.compile(rb'["\\]')
_is_json: Final = msgspec.json.Decoder(msgspec.Raw).decode


def read_events(path: str, chunk_bytes: int = CHUNK_BYTES) -> Iterator[tuple[int, bytes]]:
    """The line (from 1) where each event begins, and the event's bytes.

    Args:
        path: the file; "-" is standard input.
        chunk_bytes: how much is read at once.

    Raises:
        Fatal: the file can't be read, or its gzip data is damaged.
    """
    with _explained(path), _opened(path, max(chunk_bytes, len(GZIP_MAGIC))) as stream:
        line = 1
        while (head := stream.peek(1)) and not head.strip():
            line += head.count(b"\n")
            stream.read(len(head))
        if head.lstrip()[:1] == b"[":
            yield from _Array(stream, line, chunk_bytes).elements()
        else:
            yield from _lines(stream, line)


def _lines(stream: BufferedReader, line: int) -> Iterator[tuple[int, bytes]]:
    readline = stream.readline
    while text := readline(MAX_KEPT_BYTES):
        number, complete = line, text.endswith(b"\n")
        while not complete:  # Over-long, or the last line.
            rest = readline(CHUNK_BYTES)
            complete = not rest or rest.endswith(b"\n")
        line += 1
        if event := text.strip():
            yield number, event


class _Array:
    """The elements of a JSON array, found without keeping more than one of them and a chunk."""

    def __init__(self, stream: BufferedReader, line: int, chunk_bytes: int) -> None:
        self._stream = stream
        self._chunk_bytes = chunk_bytes
        self._buffer = b""
        self._at = 0
        self._line = line
        self._more()
        self._skip(self._buffer.index(b"[") + 1)

    def elements(self) -> Iterator[tuple[int, bytes]]:
        """The line where each element begins, and its bytes; what follows the array counts as one more element."""
        while self._skip_blanks():
            first = self._buffer[self._at : self._at + 1]
            if first == b"]":
                self._skip(self._at + 1)
                break
            if first == b",":
                self._skip(self._at + 1)
                continue
            line = self._line
            yield line, self._guess() or self._scan()
        if self._skip_blanks():
            line = self._line
            yield line, self._rest()

    def _more(self) -> bool:
        """Read on; what is behind is let go. False at the end of the file."""
        chunk = self._stream.read1(self._chunk_bytes)
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0
        return bool(chunk)

    def _skip(self, to: int) -> None:
        self._line += self._buffer.count(b"\n", self._at, to)
        self._at = to

    def _skip_blanks(self) -> bool:
        """Go to the next byte that is no blank; False where there is none."""
        while True:
            blanks = _BLANKS.match(self._buffer, self._at)
            self._skip(blanks.end() if blanks else self._at)
            if self._at < len(self._buffer):
                return True
            if not self._more():
                return False

    def _guess(self) -> bytes | None:
        """An object that ends at one of the next closing braces: if it is JSON up to there, that is the element.

        No JSON object is the beginning of another one, so the first that is complete is the right one.
        """
        buffer, at = self._buffer, self._at
        if buffer[at] != 0x7B:
            return None
        end = at
        for _ in range(MAX_GUESSES):
            end = buffer.find(b"}", end) + 1
            if end == 0:
                return None
            if not _END.match(buffer, end):
                continue
            element = buffer[at:end]
            try:
                _is_json(element)
            except (msgspec.DecodeError, RecursionError):
                continue
            self._skip(end)
            return element
        return None

    def _scan(self) -> bytes:
        """The element up to the comma or bracket that ends it, by counting brackets outside of strings."""
        kept = bytearray()
        depth, in_string, look_at = 0, False, self._at
        while True:
            token = (_IN_STRING if in_string else _STRUCTURE).search(self._buffer, look_at)
            if token is None:
                look_at = max(0, look_at - len(self._buffer))  # A backslash may have been the last byte.
                self._keep(kept, len(self._buffer))
                if not self._more():
                    return bytes(kept).rstrip()
                continue
            look_at = token.end()
            match token[0]:
                case b"\\":
                    look_at += 1
                case b'"':
                    in_string = not in_string
                case b"{" | b"[":
                    depth += 1
                case b"}" | b"]" if depth:
                    depth -= 1
                case b"," | b"]" if not depth:
                    self._keep(kept, token.start())
                    return bytes(kept).rstrip()

    def _rest(self) -> bytes:
        kept = bytearray()
        while self._at < len(self._buffer) or self._more():
            self._keep(kept, len(self._buffer))
        return bytes(kept).rstrip()

    def _keep(self, kept: bytearray, to: int) -> None:
        kept += self._buffer[self._at : min(to, self._at + MAX_KEPT_BYTES - len(kept))]
        self._skip(to)


@contextmanager
def open_output(path: str) -> Iterator[IO[bytes]]:
    """A file to write to; "-" is standard output, ".gz" is gzip'ed: the same bytes in, the same file out.

    Raises:
        Fatal: it can't be written.
    """
    with _explained(path):
        if path == "-":
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        elif path.endswith(".gz"):
            # Neither name nor time goes in.
            with Path(path).open("wb") as file, gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0) as zipped:
                yield cast("IO[bytes]", zipped)
        else:
            with Path(path).open("wb") as file:
                yield file


@contextmanager
def open_events(path: str) -> Iterator[Callable[[Iterable[bytes]], None]]:
    """A file of events: call what is yielded with events, as often as you like.

    Args:
        path: .json is an array with one event a line, .ndjson one event a line, either with .gz; "-" is
            standard output, one event a line.

    Raises:
        Fatal: it can't be written, or its ending says nothing of the format.
    """
    plain_name = path.removesuffix(".gz")
    if path != "-" and not plain_name.endswith((".json", ".ndjson")):
        raise Fatal(
            f"{path}: name it .json (an array) or .ndjson (one event a line), either with .gz; or - for stdout"
        )
    with open_output(path) as file:
        if not plain_name.endswith(".json"):
            yield lambda events: _write(file, events, b"\n", b"\n")
            return
        separator = b"[\n"

        def write(events: Iterable[bytes]) -> None:
            nonlocal separator
            if text := b",\n".join(events):
                file.write(separator + text)
                separator = b",\n"

        yield write
        file.write(b"[]\n" if separator == b"[\n" else b"\n]\n")


def _write(file: IO[bytes], events: Iterable[bytes], between: bytes, end: bytes) -> None:
    if text := between.join(events):
        file.write(text + end)


@contextmanager
def _opened(path: str, chunk_bytes: int) -> Iterator[BufferedReader]:
    if path == "-":
        yield _unzipped(BufferedReader(cast("Any", sys.stdin.buffer), chunk_bytes), chunk_bytes)
        return
    with Path(path).open("rb") as file:
        yield _unzipped(BufferedReader(file, chunk_bytes), chunk_bytes)


def _unzipped(stream: BufferedReader, chunk_bytes: int) -> BufferedReader:
    if stream.peek(len(GZIP_MAGIC)).startswith(GZIP_MAGIC):
        return BufferedReader(gzip.GzipFile(fileobj=stream), chunk_bytes)
    return stream


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """A file's trouble with its name and what to do."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Fatal(
            f"{path}: the gzip data is damaged or cut short: {error}. What is before it was read"
        ) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Fatal(f"{path}: {error.strerror or error}") from error
