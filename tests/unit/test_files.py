"""Event files: every value in the place of an event is returned, in every format, wherever a chunk ends."""

import bz2
import gzip
import io
import json
import lzma
import sys
import tracemalloc
from collections import deque
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import Fatal
from contract.events import MAX_EVENT_BYTES
from files.event_gap import MAX_GAP_BYTES
from files.format import read_events
from files.input import CHUNK_BYTES
from files.json_array import MAX_BLOCK_BYTES
from files.output import open_events, open_output

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def elements(text: bytes, tmp_path: Path, chunk_bytes: int = 1 << 20) -> list[bytes]:
    path = tmp_path / "events"
    path.write_bytes(text)
    return [value for _, value in read_events(str(path), chunk_bytes)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@given(
    values=st.lists(JSON_VALUES, max_size=6),
    indent=st.sampled_from([None, 0, 1, 4]),
    ascii_only=st.booleans(),
    chunk_bytes=st.integers(1, 40),
)
def test_an_array_gives_its_elements_in_any_layout(
    folder: Path, values: list[Any], indent: int | None, ascii_only: bool, chunk_bytes: int
) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_only).encode()
    assert [json.loads(v.decode()) for v in elements(text, folder, chunk_bytes)] == values


BLANKS = st.text(" \t\r\n", max_size=3).map(str.encode)
OBJECTS = st.dictionaries(TEXTS, JSON_VALUES, max_size=3)


@given(
    values=st.lists(OBJECTS | JSON_VALUES, min_size=1, max_size=6),
    layout=st.tuples(BLANKS, BLANKS, BLANKS, BLANKS),
    indent=st.sampled_from([None, 0, 1, 4]),
    times=st.sampled_from([1, 40]),
    chunk_bytes=st.sampled_from([1, 2, 7, 100, 1 << 20]),
)
def test_elements_are_returned_unchanged_with_their_lines(
    folder: Path,
    values: list[Any],
    layout: tuple[bytes, ...],
    indent: int | None,
    times: int,
    chunk_bytes: int,
) -> None:
    before, ahead, behind, after = layout
    expected: list[tuple[int, bytes]] = []
    text = before + b"["
    for value in values * times:
        element = json.dumps(value, indent=indent).encode()
        text += b"," * bool(expected) + ahead
        expected.append((1 + text.count(b"\n"), element))
        text += element + behind
    path = folder / "events"
    path.write_bytes(text + b"]" + after)
    assert list(read_events(str(path), chunk_bytes)) == expected


@given(st.lists(st.sampled_from([*'[]{}",:\\1\n ', '{"a":1},{', "},\n{", '{"a":{}}']), max_size=30))
def test_rubbish_is_split_into_the_same_values_wherever_a_chunk_ends(folder: Path, parts: list[str]) -> None:
    text = ('[{},{"a":1},' + "".join(parts)).encode()
    assert elements(text, folder, 1) == elements(text, folder, 5) == elements(text, folder)


@pytest.mark.parametrize("between", [b",\n", b", ", b"\n, ", b" ,\n\n  "])
def test_a_bad_element_does_not_change_the_others(tmp_path: Path, between: bytes) -> None:
    events = [b'{"n":%d,"tags":[{"a":"},{"},{"b":{}}]}' % n for n in range(MAX_BLOCK_BYTES // 8)]
    events[1000] = b'{"n" 1000}'
    events[2000] = b"null"
    events[3000] = b'{"n":1} rubbish'
    assert elements(b"[" + between.join(events) + b"]", tmp_path) == events


@given(values=st.lists(JSON_VALUES, max_size=6), chunk_bytes=st.integers(1, 40), zipped=st.booleans())
def test_lines_give_one_event_each(folder: Path, values: list[Any], chunk_bytes: int, zipped: bool) -> None:
    objects = [{"v": value} for value in values]
    text = "".join(json.dumps(value) + "\n\n" for value in objects).encode()
    assert [
        json.loads(v.decode())
        for v in elements(gzip.compress(text, mtime=0) if zipped else text, folder, chunk_bytes)
    ] == objects


@given(events=st.lists(JSON_VALUES.map(lambda v: json.dumps({"v": v}).encode()), max_size=6))
@pytest.mark.parametrize("name", ["e.json", "e.ndjson", "e.json.gz", "e.ndjson.gz"])
def test_written_events_are_read_back(folder: Path, name: str, events: list[bytes]) -> None:
    path = str(folder / name)
    with open_events(path) as write:
        write(events[:2])
        write([])
        write(iter(events[2:]))
    assert [value for _, value in read_events(path)] == events


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b" \n\n", []),
        (b"[]", []),
        (b"\n [\n]\n", []),
        (b" [1]", [b"1"]),
        (b'rubbish\n{"a":1}\n', [b"rubbish", b'{"a":1}']),
        (b'{"a":1}\r\n{"b"', [b'{"a":1}', b'{"b"']),
        (b'[1, "x,]", null, [2, 3], {"a": "}"}]', [b"1", b'"x,]"', b"null", b"[2, 3]", b'{"a": "}"}']),
        (b'[{"a": "\\"}, {"}, {"b": 2}]', [b'{"a": "\\"}, {"}', b'{"b": 2}']),
        (b'[{"a": 1} rubbish, {"b": 2}]', [b'{"a": 1} rubbish', b'{"b": 2}']),
        (b'[{"a": 1}, {"b": ', [b'{"a": 1}', b'{"b":']),
        (b'[{"a": 1}\n', [b'{"a": 1}', b"["]),
        (b'[{"a": 1},\n', [b'{"a": 1}', b"["]),
        (b"\n[", [b"["]),
        (b'[{"a": 1}] rest\n of it ', [b'{"a": 1}', b"rest", b"of it"]),
        (b'[{"a": 1}]]\n', [b'{"a": 1}', b"]"]),
        (b'[{"a": 1}],[{"a": 2}]\n', [b'{"a": 1}', b',[{"a": 2}]']),
        (b"[,1,,2,]", [b"1", b"2"]),
        (b'[{"a": {"b": {"c": {"d": {"e": {}}}}}}, 1]', [b'{"a": {"b": {"c": {"d": {"e": {}}}}}}', b"1"]),
    ],
)
def test_bad_elements_are_returned_and_do_not_stop_the_reading(
    tmp_path: Path, text: bytes, expected: list[bytes], chunk_bytes: int
) -> None:
    assert elements(text, tmp_path, chunk_bytes) == expected


@pytest.mark.parametrize("text", [b'\n\n{"a":1}\n\nx\n', b'\n[\n{"a":\n1}, "x"\n]', b'\n[\n\n 1,\n\n"x"]'])
def test_each_event_comes_with_the_line_where_it_begins(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "events"
    path.write_bytes(text)
    found = list(read_events(str(path), 3))
    lines = text.split(b"\n")
    assert len(found) == 2
    assert all(lines[line - 1].strip(b" ,").find(value.split(b"\n")[0]) >= 0 for line, value in found)


@pytest.mark.parametrize("around", [(b"", b"\n"), (b'["', b'",'), (b'[["', b'"],')])
def test_an_oversize_event_is_cut_and_the_next_one_is_whole(
    tmp_path: Path, around: tuple[bytes, bytes]
) -> None:
    before, after = around
    text = before + b"x" * (3 * MAX_EVENT_BYTES) + after + b'{"a":1}' + (b"]" if before else b"\n")
    first, second = elements(text, tmp_path)
    assert len(first) == MAX_EVENT_BYTES + 1
    assert second == b'{"a":1}'


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"", b"rubbish\n"), (b"", b'{"b":2}\n'), (b"[", b"rubbish]"), (b"[{}]", b"rubbish")],
)
def test_text_after_many_spaces_still_belongs_to_the_event(
    tmp_path: Path, before: bytes, after: bytes
) -> None:
    blanks = b" " * MAX_EVENT_BYTES
    found = elements(before + b'{"a":1}' + blanks + after, tmp_path)
    assert len(found[-1]) == MAX_EVENT_BYTES + 1
    assert b'{"a":1}' in elements(before + b'{"a":1}' + blanks, tmp_path)


def test_a_line_that_begins_with_many_spaces_is_not_lost(tmp_path: Path) -> None:
    found = elements(b"x\n" + b" " * (MAX_EVENT_BYTES + 1) + b'{"a":1}\ny\n', tmp_path)
    assert [len(value) for value in found] == [1, MAX_EVENT_BYTES + 1, 1]


@pytest.mark.parametrize("head", [b"", b"[", b'["'])
def test_memory_stays_small_however_long_an_event_is(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "long.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(head)
        for _ in range(15):
            file.write(b"x" * 1_000_000)
    tracemalloc.start()
    try:
        found = [len(value) for _, value in read_events(str(path))]
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()
    assert found == [MAX_EVENT_BYTES + 1]


class Repeated(io.RawIOBase):
    """Some bytes, and then others again and again, far beyond the limit of an input without events."""

    def __init__(self, first: bytes, text: bytes) -> None:
        self._next = first
        self._text = text * (CHUNK_BYTES // len(text))
        self._left = 8 * LOWERED_GAP_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        ready, self._next = self._next or self._text, b""
        count = min(len(buffer), len(ready), self._left)
        buffer[:count] = ready[:count]
        self._left -= count
        return count


LOWERED_GAP_BYTES = 2 * MAX_EVENT_BYTES


@pytest.mark.parametrize("first", [b"", b"[", b'{"a":1}\n', b'[{"a":1},{"a":2}', b'\x1e{"a":1}\n'])
@pytest.mark.parametrize("text", [b"x", b" ", b"\n", b",", b'"', b"{", b"[ "])
def test_an_endless_input_without_events_ends_with_an_error(
    monkeypatch: pytest.MonkeyPatch, first: bytes, text: bytes
) -> None:
    monkeypatch.setattr("files.event_gap.MAX_GAP_BYTES", LOWERED_GAP_BYTES)
    monkeypatch.setattr(sys, "stdin", Mock(buffer=io.BufferedReader(Repeated(first, text))))
    events = read_events("-")
    with pytest.raises(Fatal, match="standard input: no event ends in the 1 MiB after byte"):
        deque(events)


def test_a_line_that_ends_within_the_limit_is_one_event_and_reading_goes_on(tmp_path: Path) -> None:
    long = b"x" * (MAX_GAP_BYTES - MAX_EVENT_BYTES)
    assert [value[:8] for value in elements(b'{"a":1}\n' + long + b'\n{"a":2}\n', tmp_path)] == [
        b'{"a":1}',
        b"xxxxxxxx",
        b'{"a":2}',
    ]


def test_standard_input_is_read_like_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    class Input:
        buffer = io.BytesIO(gzip.compress(b'[{"a":1}]', mtime=0))

    monkeypatch.setattr(sys, "stdin", Input())
    assert list(read_events("-")) == [(1, b'{"a":1}')]
    assert list(read_events("-")) == []


@pytest.mark.parametrize(("before", "between", "after"), [(b"", b"\n", b"\n"), (b"[", b",", b"]")])
@pytest.mark.parametrize("events", [1_000, 200_000])  # It breaks off in the first read; later.
def test_damaged_gzip_names_the_file(
    tmp_path: Path, before: bytes, between: bytes, after: bytes, events: int
) -> None:
    path = tmp_path / "cut.ndjson.gz"
    text = before + between.join([b'{"a":1}'] * events) + after
    path.write_bytes(gzip.compress(text, mtime=0)[:-12])
    with pytest.raises(Fatal, match=r"cut\.ndjson\.gz.*damaged or cut short"):
        list(read_events(str(path)))


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="nowhere"):
        list(read_events(str(tmp_path / "nowhere.json")))
    with pytest.raises(Fatal, match="Is a directory"):
        list(read_events(str(tmp_path)))
    with pytest.raises(Fatal, match="nowhere"), open_output(str(tmp_path / "nowhere" / "x.json")):
        pass


ORDER = b'{"type": "ORDER", "key": "o"}'
VISIT = b'{"type": "SITE_VISIT", "tags": [{"page": "["}]}'
BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BOM + ORDER + b"\n" + VISIT, [ORDER, VISIT]),
        (BOM + b"\n\n" + ORDER, [ORDER]),
        (BOM + b"[" + ORDER + b"]", [ORDER]),
        (gzip.compress(BOM + ORDER, mtime=0), [ORDER]),
        (
            gzip.compress(b"[" + ORDER + b"]", mtime=0) + gzip.compress(b"\n[" + VISIT + b"]", mtime=0),
            [ORDER, VISIT],
        ),
        (gzip.compress(ORDER + b"\n", mtime=0) + gzip.compress(VISIT, mtime=0), [ORDER, VISIT]),
        (b'["note"]\n' + ORDER, [b'["note"]', ORDER]),
        (b'["a", 1]\n{"', [b'["a", 1]', b'{"']),
        (b"[]\n" + ORDER, [b"[]", ORDER]),
        (b"[INFO] started\n" + ORDER, [b"[INFO] started", ORDER]),
        (b"[2024-01-01] started\n" + ORDER, [b"[2024-01-01] started", ORDER]),
        (b"[2024-01-01]\n[2024-01-02]\n", [b"[2024-01-01]", b"[2024-01-02]"]),
        (b"[    0.000000] kernel\n" + ORDER, [b"[    0.000000] kernel", ORDER]),
        (b"[12345] a pid\n" + ORDER, [b"[12345] a pid", ORDER]),
        (b"[" + ORDER + b"]\n[" + VISIT + b"]\n", [ORDER, VISIT]),
        (b"[" + ORDER + b"][" + VISIT + b",\n" + ORDER + b"]", [ORDER, VISIT, ORDER]),
        (b"[]\n[" + ORDER + b"]\n[]", [ORDER]),
        (b"[1][" + ORDER + b"]", [b"1", ORDER]),
        (b"[" + ORDER + b"]\n" + VISIT + b"\n" + ORDER, [ORDER, VISIT, ORDER]),
        (b"[\n" + ORDER + b"\n]\nnote\n[1]\n", [ORDER, b"note", b"[1]"]),
        (
            b"[" + ORDER + b",\n" + VISIT + b"\n[" + ORDER + b"]\n",
            [ORDER, VISIT + b"\n[" + ORDER + b"]", b"["],
        ),
        (b"\x1e" + ORDER + b"\n\x1e" + VISIT + b"\n\x1e\n", [ORDER, VISIT]),
    ],
)
def test_the_content_decides_between_an_array_and_lines(
    tmp_path: Path, text: bytes, expected: list[bytes], chunk_bytes: int
) -> None:
    assert elements(text, tmp_path, chunk_bytes) == expected


def test_lines_are_counted_on_through_arrays_and_what_follows_them(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(BOM + b"\n[\n1]\n\n[2,\n3\n]\nx\n\ny")
    assert list(read_events(str(path), 3)) == [(3, b"1"), (5, b"2"), (6, b"3"), (8, b"x"), (10, b"y")]


PRETTY = b'{\n  "type": "ORDER",\n  "key": "o"\n}\n'


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ORDER.decode().encode("utf-16"), "UTF-16; .*iconv -f UTF-16 -t UTF-8"),
        ((ORDER + b"\n" + VISIT).decode().encode("utf-16-le"), "iconv -f UTF-16LE"),
        (ORDER.decode().encode("utf-16-be"), "iconv -f UTF-16BE"),
        (ORDER.decode().encode("utf-32"), "iconv -f UTF-32 "),
        (ORDER.decode().encode("utf-32-be"), "iconv -f UTF-32BE"),
        (lzma.compress(ORDER), "xz -dc"),
        (bz2.compress(ORDER), "bzip2 -dc"),
        (b"PK\x03\x04\x14\0", "zip archive; .*unzip"),
        (b"\x28\xb5\x2f\xfd\x04", "zstd -dc"),
        (b"PAR1\x15\x04", "parquet"),
        (b"events.ndjson" + bytes(244) + b"ustar\0" + ORDER, "tar archive"),
        (b"<?xml version='1.0'?>\n<events/>\n", "XML"),
        (bytes(range(64)) * 2, "binary data"),
        (PRETTY, "pretty-printed.*jq -c"),
        (PRETTY * 3, "pretty-printed.*jq -c"),
        (b'{"type": "ORDER",\n "key": "o",\n "tags": [\n  {"page": 1}\n ]}\n', "pretty-printed"),
        (ORDER + VISIT + ORDER, "several JSON objects on one line.*jq -c"),
        ((ORDER + b" " + VISIT + b"\n") * 2, "several JSON objects on one line"),
        ((ORDER + VISIT) * 1000, "several JSON objects on one line"),
        ((ORDER + b",\n") * 3, "comma after each; .*sed"),
        ((ORDER + b",\r\n") * 3 + ORDER, "comma after each"),
        (b"type,key,event_time\nORDER,o,2017\n", "CSV"),
        (b'"type";"key"\n"ORDER";"o;p"\n' * 2000, "CSV"),
    ],
)
def test_another_format_is_named_and_the_message_says_what_to_do(
    tmp_path: Path, text: bytes, said: str, zipped: bool
) -> None:
    with pytest.raises(Fatal, match=f"events: this is .*{said}|events: this is {said}"):
        elements(gzip.compress(text, mtime=0) if zipped else text, tmp_path)


@pytest.mark.parametrize(
    "broken",
    [
        b"\xff\xfe",
        ORDER.decode().encode("utf-16-le"),
        b"{",
        b"type,key\nORDER,o",
        ORDER + VISIT,
        ORDER + b",",
        b'{"type": "ORDER",\n"key": "o"}',
        b"\0\1\2\3",
    ],
)
def test_broken_lines_among_events_are_not_taken_for_another_format(tmp_path: Path, broken: bytes) -> None:
    lines = broken.split(b"\n")
    assert elements(broken + b"\n" + ORDER + b"\n", tmp_path) == [*lines, ORDER]
    assert elements(ORDER + b"\n" + broken + b"\n" + ORDER, tmp_path) == [ORDER, *lines, ORDER]


@pytest.mark.parametrize(
    "text", [b"x", b"{", b"42\n", b"a, b\n", b"not json, at all\nreally, not\n", b'{"a":1},']
)
def test_a_file_of_a_few_broken_lines_is_a_file_of_invalid_events(tmp_path: Path, text: bytes) -> None:
    assert elements(text, tmp_path) == text.strip().split(b"\n")


@given(st.binary(max_size=300), st.integers(1, 9))
def test_any_bytes_are_read_as_the_same_values_wherever_a_chunk_ends(
    folder: Path, text: bytes, chunk_bytes: int
) -> None:
    def found(chunk_bytes: int) -> list[bytes] | str:
        try:
            return elements(text, folder, chunk_bytes)
        except Fatal as error:
            return str(error)

    assert found(chunk_bytes) == found(1 << 20)
