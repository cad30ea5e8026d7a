"""A dead letter fits into a record whatever the invalid record holds, and says what was left out."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.record_fields import read_headers
from contract.dead_letters import (
    MAX_HEADERS_BYTES,
    MAX_KEY_BYTES,
    MAX_PAYLOAD_BYTES,
    DeadLetter,
    Origin,
    dead_batch,
    dead_letter,
)
from contract.errors import InvalidEvent
from contract.topics import MAX_RECORD_BYTES

ORIGIN = Origin("events", 1, 7, 5)
ERROR = InvalidEvent("undecodable", "", "x" * 1_000)


def letter_of(
    key: bytes | None = b"k",
    value: bytes | None = b"v",
    headers: tuple[tuple[bytes, bytes | None], ...] = (),
    on_wire: bytes = b"",
) -> tuple[DeadLetter, dict[str, bytes]]:
    letter = dead_letter(key, value, ERROR, ORIGIN, headers, on_wire)
    return letter, dict(letter.headers)


def digest(data: bytes) -> bytes:
    return sha256(data).hexdigest().encode()


def test_a_key_and_a_value_that_are_too_long_are_cut_and_have_their_lengths_and_digests() -> None:
    key, value = b"k" * 5_000_000, b"v" * 5_000_000
    letter, headers = letter_of(key, value)
    assert (letter.key, letter.value) == (key[:MAX_KEY_BYTES], value[:MAX_PAYLOAD_BYTES])
    assert headers["ltv.truncated-from"] == headers["ltv.key-truncated-from"] == b"5000000"
    assert (headers["ltv.sha256"], headers["ltv.key-sha256"]) == (digest(value), digest(key))


def test_what_fits_is_kept_whole_and_has_no_digest() -> None:
    key, value = b"k" * MAX_KEY_BYTES, b"v" * MAX_PAYLOAD_BYTES
    letter, headers = letter_of(key, value, ((b"trace", b"1"), (b"trace", b"")))
    assert (letter.key, letter.value) == (key, value)
    assert letter.headers[-2:] == [("trace", b"1"), ("trace", b"")]
    assert not [name for name in headers if "truncated" in name or "sha256" in name]


def test_headers_without_a_value_are_empty_and_named_by_their_numbers() -> None:
    """Clients refuse to write them."""
    letter, headers = letter_of(headers=((b"a", None), (b"b", b""), (b"c", None)))
    assert letter.headers[-3:] == [("a", b""), ("b", b""), ("c", b"")]
    assert headers["ltv.null-headers"] == b"0,2"


@pytest.mark.parametrize(
    "left_out",
    [(b"\xff", b"1"), (b"ltv.reason", b"forged"), (b"long", b"x" * MAX_HEADERS_BYTES)],
    ids=["not UTF-8", "one of ours", "too long"],
)
def test_headers_that_are_left_out_are_told_of_by_length_and_digest(left_out: tuple[bytes, bytes]) -> None:
    letter, headers = letter_of(headers=((b"a", b"1"), left_out), on_wire=b"the wire")
    assert ("a", b"1") in letter.headers
    assert headers["ltv.headers-truncated-from"] == b"8"
    assert headers["ltv.headers-sha256"] == digest(b"the wire")
    assert headers["ltv.reason"] == b"undecodable"


def test_of_very_many_headers_only_the_first_are_looked_at() -> None:
    looked = 0

    def headers() -> object:
        nonlocal looked
        while True:
            looked += 1
            yield b"", b""

    letter = dead_letter(b"k", b"v", ERROR, ORIGIN, headers(), b"")  # type: ignore[arg-type]  # It has no end.
    assert looked == len(letter.headers) - 7 - 2 + 1
    assert letter.size_bytes < MAX_RECORD_BYTES


@given(
    st.none() | st.integers(0, 3_000_000).map(bytes),
    st.none() | st.integers(0, 3_000_000).map(bytes),
    st.lists(st.tuples(st.binary(max_size=9), st.none() | st.integers(0, 99_000).map(bytes)), max_size=9),
)
def test_a_dead_letter_always_fits_into_a_record(
    key: bytes | None, value: bytes | None, headers: list[tuple[bytes, bytes | None]]
) -> None:
    assert dead_letter(key, value, ERROR, ORIGIN, headers, b"").size_bytes < MAX_RECORD_BYTES // 2


def test_a_batch_that_cannot_be_read_stands_for_its_records() -> None:
    letter = dead_batch(b"z" * 2_000_000, InvalidEvent("oversize_batch", "", "too much"), ORIGIN, 106, 100)
    headers = dict(letter.headers)
    assert (letter.key, letter.value, letter.records) == (None, b"z" * MAX_PAYLOAD_BYTES, 100)
    assert (headers["ltv.offset"], headers["ltv.last-offset"], headers["ltv.records"]) == (
        b"7",
        b"106",
        b"100",
    )
    assert headers["ltv.truncated-from"] == b"2000000"


@given(st.binary(max_size=40))
def test_any_bytes_can_stand_where_headers_should(on_wire: bytes) -> None:
    headers = list(read_headers(on_wire))
    assert len(headers) <= len(on_wire)
