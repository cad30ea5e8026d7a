"""The elements of a JSON array, found without keeping more than one of them and a chunk."""

import re
from collections.abc import Iterable, Iterator
from io import BufferedReader
from itertools import count, repeat
from typing import Final

import msgspec

from files.kept_event import MAX_KEPT_BYTES

MIN_BLOCK_BYTES: Final = 1024
MAX_BLOCK_BYTES: Final = 64 * 1024
"""So much of an array is split at once; where that fails, less, so that one bad element slows down few others."""

_BLANKS: Final = re.compile(rb"[ \t\r\n]*")
_GAP: Final = re.compile(rb"[ \t\r\n,]*")
_NEXT_OBJECT: Final = re.compile(rb",[ \t\r\n]*\{")
_STRUCTURE: Final = re.compile(rb'["{}\[\],]')
_IN_STRING: Final = re.compile(rb'["\\]')
_elements_of: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


class JsonArray:
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
