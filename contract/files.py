"""Events in files: a JSON array or one event a line, either gzip'ed, or standard input. One pass, constant memory.

Reading never judges an event: whatever stands where an event should is handed on as it stands.
"""

import errno
import gzip
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BufferedReader
from itertools import compress, count, repeat
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec

from contract.errors import Fatal
from contract.events import MAX_EVENT_BYTES

CHUNK_BYTES: Final = 128 * 1024
GZIP_MAGIC: Final = b"\x1f\x8b"
GZIP_LEVEL: Final = 5
MAX_KEPT_BYTES: Final = MAX_EVENT_BYTES + 1
"""Of a longer event so much is handed on: enough for it to be called oversize."""
MIN_BLOCK_BYTES: Final = 1024
MAX_BLOCK_BYTES: Final = 64 * 1024
"""So much of an array is split at once; where that fails, less, so that one bad element slows down few others."""

_BLANKS: Final = re.compile(rb"[ \t\r\n]*")
_GAP: Final = re.compile(rb"[ \t\r\n,]*")
_NEXT_OBJECT: Final = re.compile(rb",[ \t\r\n]*\{")
_STRUCTURE: Final = re.compile(rb'["{}\[\],]')
_IN_STRING: Final = re.compile(rb'["\\]')
_elements_of: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode

_REMEDIES: Final = {
    errno.EISDIR: "; name a file in it",
    errno.EACCES: "; allow this user to open it, or name another file",
    errno.ENOSPC: "; make room, or name a file on another disk, and run again",
    errno.EIO: "; check the disk",
}


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
    while rest := stream.readline(CHUNK_BYTES):
        blank = blank and not rest.strip()
        if rest.endswith(b"\n"):
            break
    return blank


class _Array:
    """The elements of a JSON array, found without keeping more than one of them and a chunk."""

    def __init__(self, stream: BufferedReader, line: int, chunk_bytes: int) -> None:
        self._stream = stream
        self._chunk_bytes = chunk_bytes
        self._buffer = b""
        self._at = 0
        self._line = line
        self._between = b""
        """How one object ended and the next one began, the last time: likely they all do so."""
        self._block_bytes = MAX_BLOCK_BYTES
        while b"[" not in self._buffer:
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
            if first == b"{" and self._between and (block := self._block()):
                yield from block
                continue
            line = self._line
            yield line, self._scan()
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

    def _block(self) -> Iterable[tuple[int, bytes]] | None:
        """Many elements at once, from here to the last place that looks like the end of one.

        Where all up to there is the inside of a JSON array, that place is indeed between two elements.
        """
        at, line = self._at, self._line
        end = self._buffer.rfind(self._between, at, at + self._block_bytes)
        if end < 0:
            self._block_bytes = min(8 * self._block_bytes, MAX_BLOCK_BYTES)
            return None
        end = self._buffer.index(b"}", end) + 1
        text = self._buffer[at:end]
        try:
            elements = list(map(bytes, _elements_of(b"[%b]" % text)))
        except (msgspec.DecodeError, RecursionError):
            self._block_bytes = max(self._block_bytes // 8, MIN_BLOCK_BYTES)
            return None
        self._block_bytes = min(2 * self._block_bytes, MAX_BLOCK_BYTES)
        self._skip(end)
        if self._line == line:
            return zip(repeat(line), elements)
        if self._line == line + len(elements) - 1 and text == b",\n".join(elements):
            return zip(count(line), elements)
        return zip(_lines_of(elements, text, line), elements, strict=True)

    def _scan(self) -> bytes:
        """The element up to the comma or bracket that ends it, by counting brackets outside of strings."""
        kept = _Kept()
        depth, in_string, look_at = 0, False, self._at
        while True:
            token = (_IN_STRING if in_string else _STRUCTURE).search(self._buffer, look_at)
            if token is None:
                look_at = max(0, look_at - len(self._buffer))  # A backslash may have been the last byte.
                self._keep(kept, len(self._buffer))
                if not self._more():
                    return kept.whole()
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
                    following = _NEXT_OBJECT.match(self._buffer, self._at)
                    ending = kept.ending()
                    self._between = ending + following[0] if ending and following else b""
                    return kept.whole()

    def _rest(self) -> bytes:
        kept = _Kept()
        while self._at < len(self._buffer) or self._more():
            self._keep(kept, len(self._buffer))
        return kept.whole()

    def _keep(self, kept: "_Kept", to: int) -> None:
        kept.add(self._buffer[self._at : to])
        self._skip(to)


class _Kept:
    """What is handed on of an element that comes in pieces."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._is_cut = False

    def add(self, piece: bytes) -> None:
        room = MAX_KEPT_BYTES - len(self._bytes)
        self._bytes += piece[:room]
        self._is_cut = self._is_cut or bool(piece[room:].strip())

    def whole(self) -> bytes:
        """Without the blanks behind it; cut, it keeps them: it has to stay over-long."""
        return bytes(self._bytes) if self._is_cut else bytes(self._bytes).rstrip()

    def ending(self) -> bytes:
        """An object's closing brace with the blanks on both sides; empty where it is no object."""
        text = self._bytes.rstrip()
        return bytes(self._bytes[len(text[:-1].rstrip()) :]) if text.endswith(b"}") else b""


def _lines_of(elements: Iterable[bytes], text: bytes, line: int) -> Iterator[int]:
    """The line of each element of `text`, which begins on `line`."""
    before = at = 0
    for element in elements:
        gap = _GAP.match(text, at)
        start = gap.end() if gap else at
        line += text.count(b"\n", before, start)
        yield line
        before, at = start, start + len(element)


class Output:
    """A file that is written; its trouble is raised as Fatal, with its name."""

    def __init__(self, path: str, file: IO[bytes]) -> None:
        self._path = path
        self._write = file.write

    def write(self, data: bytes, /) -> None:
        """Append these bytes."""
        with _explained(self._path):
            self._write(data)


@contextmanager
def open_output(path: str) -> Iterator[Output]:
    """A file to write to; "-" is standard output, ".gz" is gzip'ed: the same bytes in, the same file out.

    Raises:
        Fatal: it can't be written.
    """
    closing = ExitStack()
    with _explained(path):
        file = _created(path, closing)
    try:
        yield Output(path, file)
    except BaseException:
        with suppress(OSError):  # The first trouble is the one to tell, and need not be this file's.
            closing.close()
        raise
    with _explained(path):
        closing.close()


def _created(path: str, closing: ExitStack) -> IO[bytes]:
    if path == "-":
        closing.callback(sys.stdout.buffer.flush)
        return sys.stdout.buffer
    file = closing.enter_context(Path(path).open("wb"))  # noqa: SIM115 (the stack is the context manager)
    if not path.endswith(".gz"):
        return file
    # Neither name nor time goes in.
    return cast("IO[bytes]", closing.enter_context(gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0)))


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


def _write(file: Output, events: Iterable[bytes], between: bytes, end: bytes) -> None:
    if text := between.join(events):
        file.write(text + end)


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


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """A file's trouble with its name and what to do."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Fatal(
            f"{path}: the gzip data is damaged or cut short: {error}. What is before it was read; fetch the file again"
        ) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "")
        raise Fatal(f"{path}: {error.strerror or error}{remedy}") from error
