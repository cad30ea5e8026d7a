"""Detect the format of a file of events, and read its events one by one: one pass, constant memory.

The content decides the format, never the name. A file may be gzip, in any number of members, and may begin with a
UTF-8 byte order mark. "-" is standard input.

- `files/other_formats.py` refuses, with one line, formats that this reader does not read (UTF-16, xz, CSV,
  pretty-printed objects, ...).
- A file that begins with "[" holds JSON arrays, one or several in any layout, if the first element is an object, or if
  nothing or another array follows the first array. Each element is an event. Text after the arrays is read as lines.
- Any other file holds lines, one event each, even if the first line is a complete array followed by another kind of
  line (`["note"]`, `[]`) or a log line (`[2024-01-01] started`). RFC 7464's record separators are removed.

Reading does not validate: each element or line is yielded unchanged. For an array without its closing bracket, "["
is yielded last, as one more event, unless the last event is visibly cut.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from files.event_gap import EventGap
from files.file_errors import file_errors, path_or_stream
from files.input import CHUNK_BYTES, Head, open_input, put_back
from files.json_array import JsonArrays, end_of_array
from files.lines import BLANKS, LineBlock, read_lines

RECORD_SEPARATOR: Final = b"\x1e"
_SEPARATED: Final = b"\x1e \t\r\n\v\f"
_FIRST_ELEMENT: Final = re.compile(
    rb'\[\s*(?:["{\[\],]|-?\d[\d.eE+-]*\s*(?:[,\]]|$)|(?:true|false|null)\b|$)'
)


def read_events(path: str, chunk_bytes: int = CHUNK_BYTES) -> Iterator[tuple[int, bytes]]:
    """Yield for each event the line (from 1) where it begins, and its bytes; for the arguments, see `read_blocks`."""
    for block in read_blocks(path, chunk_bytes):
        yield from block.events() if isinstance(block, LineBlock) else block


def read_blocks(
    path: str, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[LineBlock | Iterator[tuple[int, bytes]]]:
    """Yield the lines of a file in blocks, or its elements in arrays, each as `read_events` has them.

    Args:
        path: the file; "-" is standard input.
        chunk_bytes: bytes per read.

    Raises:
        Fatal: the file can't be read, has another format, its gzip data is damaged, or no event ends within
            MAX_GAP_BYTES.
    """
    name = path_or_stream(path, "standard input")
    with file_errors(name), open_input(path, chunk_bytes) as stream:
        gap = EventGap(name)
        head = Head(name, stream, gap)
        start = head.text.lstrip()
        rest = put_back(head.text, stream, chunk_bytes, gap)
        if start.startswith(b"[") and _is_array(start):
            yield _elements(name, JsonArrays(rest, head.line, chunk_bytes, gap))
        else:
            around = _SEPARATED if start.startswith(RECORD_SEPARATOR) else BLANKS
            yield from read_lines(rest, head.line, gap, around)


def _elements(name: str, arrays: JsonArrays) -> Iterator[tuple[int, bytes]]:
    """The elements; their reader reads the file, and gets its errors."""
    with file_errors(name):
        yield from arrays.elements()


def _is_array(start: bytes) -> bool:
    """Whether this text, which begins with "[", is an array of events, and not a line that begins with "["."""
    if start[1:].lstrip().startswith(b"{"):
        return True
    if not _FIRST_ELEMENT.match(start):
        return False
    end = end_of_array(start)
    if end is None:
        return True
    follows = start[end:].lstrip()
    return not follows or (follows.startswith(b"[") and _is_json(start[:end]))


def _is_json(array: bytes) -> bool:
    try:
        msgspec.json.decode(array, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
