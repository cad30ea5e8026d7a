"""What comes from outside reaches no terminal, error line or log as a control character."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.logs import escape_values
from contract.printable import printable, printable_json, printable_lines

BIDI = {"\u061c", "\u200e", "\u200f", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))}
HARMFUL = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029", *BIDI}
texts = st.text(st.sampled_from(sorted(HARMFUL)) | st.characters())
values = st.recursive(
    st.none() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
)


def test_the_bidi_characters_are_those_that_unicode_lists() -> None:
    controls = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    found = {chr(code) for code in range(0x110000) if unicodedata.bidirectional(chr(code)) in controls}
    assert {"\u061c", "\u200e", "\u200f"} | found == BIDI


@given(texts)
def test_printable_text_has_no_harmful_character(text: str) -> None:
    assert not HARMFUL & set(printable(text))
    assert HARMFUL & set(printable_lines(text)) <= {"\n"}


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_visible_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@given(values, st.booleans(), st.sampled_from([None, 2, "\t", "\r"]))
def test_printable_json_has_no_harmful_character_and_means_the_same(
    value: Any, ensure_ascii: bool, indent: int | str | None
) -> None:
    text = json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)
    escaped = printable_json(text.encode(errors="backslashreplace" if ensure_ascii else "surrogatepass"))
    assert HARMFUL & set(escaped.decode()) <= {"\n", "\t"}
    if "\\ud" not in json.dumps(value).lower():  # UTF-8 has no lone surrogates.
        assert json.loads(escaped) == value


@given(st.binary())
def test_bytes_that_are_no_json_become_printable_text(data: bytes) -> None:
    assert HARMFUL & set(printable_json(data).decode()) <= {"\n", "\t"}


@given(st.lists(st.sampled_from([*sorted(HARMFUL), '"', "a", "é"])))
def test_valid_json_with_raw_harmful_characters_means_the_same(chars: list[str]) -> None:
    text = json.dumps("".join(chars), ensure_ascii=False)
    assert json.loads(printable_json(text.encode())) == json.loads(text)


@pytest.mark.parametrize(
    "value",
    ["\x1b[2J", ["\x9b31m"], ("gnp.\u202eexe",), OSError("one\nltv: two"), {"\u2028": "\x00"}, b"\x1b"],
)
def test_a_log_has_no_harmful_character(value: object) -> None:
    assert not HARMFUL & set(str(escape_values(None, "info", {"event": "stopped", "cause": value})))


def test_numbers_stay_numbers_in_a_log() -> None:
    event = {"partitions": [1, 2], "ready": True, "pid": None, "seconds": 0.5}
    assert escape_values(None, "info", dict(event)) == event
