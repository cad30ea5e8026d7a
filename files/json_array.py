"""Read the elements of JSON arrays with at most one element and a few chunks in memory."""

import re
from collections.abc import Iterable, Iterator
from io import BufferedReader
from itertools import count, repeat
from typing import Final

import msgspec

from files.event_gap import EventGap
from files.input import put_back
from files.lines import MAX_KEPT_BYTES, read_lines

MIN_BLOCK_BYTES: Final = 1024
MAX_BLOCK_BYTES: Final = 64 * 1024
"""Up to this much of an array is split at once; after a failure less, so that one bad element slows down few others."""

_BLANKS: Final = re.compile(rb"[ \t\r\n]*")
_GAP: Final = re.compile(rb"[ \t\r\n,]*")
_NEXT_OBJECT: Final = re.compile(rb",[ \t\r\n]*\{")
_STRUCTURE: Final = re.compile(rb'["{}\[\],]')
_IN_STRING: Final = re.compile(rb'["\\]')
_STRING_REST: Final = re.compile(rb'(?:[^"\\]|\\.)*"', re.DOTALL)
_elements_of: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


class JsonArrays:
    """The elements of JSON arrays, one array after the other, and then the lines after the last array."""

    def __init__(self, stream: BufferedReader, line: int, chunk_bytes: int, gap: EventGap) -> None:
        self._stream = stream
        self._chunk_bytes = chunk_bytes
        self._gap = gap
        self._buffer = b""
        self._at = 0
        self._line = line
        self._between = b""
        """The bytes between the last two objects, from "}" to "{": most objects are separated by the same bytes."""
        self._block_bytes = MAX_BLOCK_BYTES
        self._is_cut = False
        """The file ends within the last element."""

    def elements(self) -> Iterator[tuple[int, bytes]]:
        """Yield the line where each element begins and its bytes; then the same for the lines after the last array.

        If the last array is not closed but its last element is whole, the opening bracket is one more element.
        """
        while self._skip_blanks() and self._buffer[self._at : self._at + 1] == b"[":
            opened_on = self._line
            self._skip(self._at + 1)
            yield from self._elements()
            if self._skip_blanks() and self._buffer[self._at : self._at + 1] == b"]":
                self._skip(self._at + 1)
            elif not self._is_cut:
                yield opened_on, b"["
        if self._at < len(self._buffer):
            rest = put_back(self._buffer[self._at :], self._stream)
            for block in read_lines(rest, self._line, self._gap):
                yield from block.events()

    def _elements(self) -> Iterator[tuple[int, bytes]]:
        """Yield the elements of one array, up to its closing bracket or the end of the file."""
        while self._skip_blanks():
            first = self._buffer[self._at : self._at + 1]
            if first == b"]":
                return
            if first == b",":
                self._skip_all(_GAP)
                continue
            if first == b"{" and self._between and (block := self._block()):
                self._gap.end()
                yield from block
                continue
            line = self._line
            element = self._scan()
            self._gap.end()
            yield line, element

    def _more(self) -> bool:
        """Read the next chunk and drop the consumed bytes; False at the end of the file."""
        chunk = self._stream.read1(self._chunk_bytes)
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0
        return bool(chunk)

    def _skip(self, to: int) -> None:
        self._line += self._buffer.count(b"\n", self._at, to)
        self._at = to

    def _skip_all(self, pattern: re.Pattern[bytes]) -> None:
        if found := pattern.match(self._buffer, self._at):
            self._skip(found.end())

    def _skip_blanks(self) -> bool:
        """Move to the next byte that is not blank; False if there is none."""
        while True:
            self._skip_all(_BLANKS)
            if self._at < len(self._buffer):
                return True
            if not self._more():
                return False

    def _block(self) -> Iterable[tuple[int, bytes]] | None:
        """Split many elements at once, up to the last place that looks like the end of an element; None if that fails.

        If the text up to that place is the inside of a valid JSON array, the place is between two elements.
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
        """Read one element, up to the comma or bracket that ends it, by counting brackets outside of strings."""
        kept = _Kept()
        depth, in_string, look_at = 0, False, self._at
        while True:
            token = (_IN_STRING if in_string else _STRUCTURE).search(self._buffer, look_at)
            if token is None:
                look_at = max(0, look_at - len(self._buffer))  # After a final backslash it is 1.
                self._keep(kept, len(self._buffer))
                if not self._more():
                    self._is_cut = in_string or depth > 0
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

    def _keep(self, kept: "_Kept", to: int) -> None:
        kept.add(self._buffer[self._at : to])
        self._skip(to)


class _Kept:
    """The first MAX_KEPT_BYTES of an element that is read in pieces."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._is_cut = False

    def add(self, piece: bytes) -> None:
        room = MAX_KEPT_BYTES - len(self._bytes)
        self._bytes += piece[:room]
        self._is_cut = self._is_cut or bool(piece[room:].strip())

    def whole(self) -> bytes:
        """The element without trailing blanks; a cut element keeps them, so that it stays oversize."""
        return bytes(self._bytes) if self._is_cut else bytes(self._bytes).rstrip()

    def ending(self) -> bytes:
        """An object's closing brace with the blanks on both sides; empty if the element is no object."""
        text = self._bytes.rstrip()
        return bytes(self._bytes[len(text[:-1].rstrip()) :]) if text.endswith(b"}") else b""


def end_of_array(text: bytes) -> int | None:
    """The end of the array that `text` begins with; None if the array ends beyond the text."""
    depth, at = 0, 0
    while token := _STRUCTURE.search(text, at):
        at = token.end()
        match token[0]:
            case b'"':
                string = _STRING_REST.match(text, at)
                if string is None:
                    return None
                at = string.end()
            case b"{" | b"[":
                depth += 1
            case b"}" | b"]":
                depth -= 1
                if not depth:
                    return at
    return None


def _lines_of(elements: Iterable[bytes], text: bytes, line: int) -> Iterator[int]:
    """Yield the line of each element of `text`; `text` begins on `line`."""
    before = at = 0
    for element in elements:
        gap = _GAP.match(text, at)
        start = gap.end() if gap else at
        line += text.count(b"\n", before, start)
        yield line
        before, at = start, start + len(element)
