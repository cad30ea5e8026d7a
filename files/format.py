"""Which format a file of events has, and its events, one by one: one pass, constant memory.

The content decides, never the name. A file may be gzip'ed, in any number of members, and may begin with a UTF-8 byte
order mark. "-" is standard input.

- A format that is not ours (UTF-16, xz, CSV, pretty-printed objects, ...) is refused in one line
  (`files/other_formats.py`).
- A file that begins with "[" is JSON arrays, one or several in any layout, if the first element is an object, or if
  the array is followed by nothing or by another array. Each element is an event. What follows the arrays is read as
  lines.
- Anything else is lines, one event each: also where the first line is an array by itself (`["note"]`, `[]`) or a log
  line (`[2024-01-01] started`). RFC 7464's record separators are left out.

Reading never judges an event: whatever stands where an event should is handed on as it stands. Of an array that does
not end, "[" is handed on at the end, as one more event, unless an event is visibly cut.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from files.file_errors import file_errors
from files.input import CHUNK_BYTES, Head, opened, put_back
from files.json_array import JsonArrays, end_of_array
from files.lines import read_lines

RECORD_SEPARATOR: Final = b"\x1e"
_SEPARATED: Final = b"\x1e \t\r\n\v\f"
_FIRST_ELEMENT: Final = re.compile(
    rb'\[\s*(?:["{\[\],]|-?\d[\d.eE+-]*\s*(?:[,\]]|$)|(?:true|false|null)\b|$)'
)


def read_events(path: str, chunk_bytes: int = CHUNK_BYTES) -> Iterator[tuple[int, bytes]]:
    """The line (from 1) where each event begins, and the event's bytes.

    Args:
        path: the file; "-" is standard input.
        chunk_bytes: how much is read at once.

    Raises:
        Fatal: the file can't be read, has a format that is not ours, or its gzip data is damaged.
    """
    name = "standard input" if path == "-" else path
    with file_errors(name), opened(path, chunk_bytes) as stream:
        head = Head(name, stream)
        start = head.text.lstrip()
        rest = put_back(head.text, stream, chunk_bytes)
        if start.startswith(b"[") and _is_array(start):
            yield from JsonArrays(rest, head.line, chunk_bytes).elements()
        elif start.startswith(RECORD_SEPARATOR):
            events = ((line, value.strip(_SEPARATED)) for line, value in read_lines(rest, head.line))
            yield from ((line, value) for line, value in events if value)
        else:
            yield from read_lines(rest, head.line)


def _is_array(start: bytes) -> bool:
    """Whether what begins with a bracket is an array of events, not a line that happens to begin so."""
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
