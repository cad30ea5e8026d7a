"""What a redrive makes of one dead letter: an event as it was, or a reason to leave the letter."""

import json
from collections.abc import Sequence

import pytest

from administration.redriven_event import LetterFilter, RedrivenEvent, redriven_event
from administration.redriven_marks import RedrivenOrigins
from cluster.fetched import Record
from contract.dead_letters import (
    ATTEMPTS,
    MAX_HEADERS_BYTES,
    MAX_KEY_BYTES,
    MAX_PAYLOAD_BYTES,
    DeadLetter,
    Origin,
    dead_batch,
    dead_letter,
)
from contract.errors import InvalidEvent

ORIGIN = Origin("events", 1, 7, 5)
VISIT = json.dumps({"type": "SITE_VISIT", "customer_id": "c1"}).encode()
RawHeader = tuple[bytes, bytes | None]


def on_wire(headers: Sequence[tuple[str, bytes | None]]) -> bytes:
    """Headers as they are on the wire."""

    def varint(number: int) -> bytes:
        zigzag, found = number << 1 if number >= 0 else -2 * number - 1, b""
        while zigzag >= 0x80:
            found, zigzag = found + bytes([zigzag & 0x7F | 0x80]), zigzag >> 7
        return found + bytes([zigzag])

    parts = [varint(len(headers))]
    for name, value in headers:
        parts += [varint(len(name.encode())), name.encode(), varint(-1 if value is None else len(value))]
        parts.append(value or b"")
    return b"".join(parts)


def record_of(letter: DeadLetter) -> Record:
    return Record("ltv.dead-letters", 1, 3, 9, letter.key, letter.value, on_wire(letter.headers))


def letter_with(
    key: bytes | None = b"c1",
    value: bytes | None = VISIT,
    reason: str = "invalid_field",
    headers: Sequence[RawHeader] = (),
) -> Record:
    return record_of(dead_letter(key, value, InvalidEvent(reason, "", "why"), ORIGIN, headers, b"wire"))


def decided(letter: Record, *, set_key: bool = False, max_attempts: int = 3) -> RedrivenEvent | str:
    own = ("ltv.changelog", "ltv.dead-letters")
    return redriven_event(letter, set_key=set_key, max_attempts=max_attempts, own_topics=own)


def event_of(letter: Record, *, set_key: bool = False) -> RedrivenEvent:
    event = decided(letter, set_key=set_key)
    assert isinstance(event, RedrivenEvent)
    return event


def test_an_event_goes_back_as_it_was_with_one_attempt_more() -> None:
    event = event_of(letter_with(headers=[(b"a", b"1"), (ATTEMPTS.encode(), b"1"), (b"a", b"")]))
    assert (event.origin, event.key, event.value, event.places_by) == (ORIGIN, b"c1", VISIT, b"c1")
    assert event.headers == [(ATTEMPTS, b"2"), ("a", b"1"), ("a", b"")]
    assert not event.lacks_headers


@pytest.mark.parametrize(
    ("letter", "why"),
    [
        (letter_with(value=b"v" * (MAX_PAYLOAD_BYTES + 1)), "cut_payload"),
        (letter_with(key=b"k" * (MAX_KEY_BYTES + 1)), "cut_key"),
        (letter_with(key=None, value=None, reason="empty"), "no_key_and_payload"),
        (letter_with(reason="wrong_key"), "needs_set_key"),
        (letter_with(headers=[(ATTEMPTS.encode(), b"3")]), "max_attempts"),
        (
            record_of(dead_batch(b"z", InvalidEvent("oversize_batch", "", ""), ORIGIN, 9, 3)),
            "unreadable_batch",
        ),
        (Record("ltv.dead-letters", 0, 0, 0, b"k", b"v", b"\0"), "no_dead_letter"),
        (
            record_of(dead_letter(b"k", b"v", InvalidEvent("x", "", ""), Origin("ltv.changelog", 0, 1, 2))),
            "own_topic",
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_letter_that_can_not_be_redriven_is_left_and_says_why(letter: Record, why: str) -> None:
    assert decided(letter) == why


def test_set_key_gives_the_customers_id_also_to_a_letter_whose_key_was_cut() -> None:
    letter = letter_with(key=b"k" * (MAX_KEY_BYTES + 1), reason="wrong_key")
    assert (event_of(letter, set_key=True).key, event_of(letter, set_key=True).places_by) == (b"c1", b"c1")
    assert decided(letter_with(value=b"{}", reason="wrong_key"), set_key=True) == "no_customer_id"


def test_set_key_changes_no_key_that_is_not_wrong() -> None:
    assert event_of(letter_with(key=b"other"), set_key=True).key == b"other"


def test_an_event_without_a_key_is_placed_by_its_customer() -> None:
    event = event_of(letter_with(key=None))
    assert (event.key, event.places_by) == (None, b"c1")


def test_headers_that_are_missing_or_were_null_are_told_of() -> None:
    nulls = event_of(letter_with(headers=[(b"a", None), (b"b", b"1"), (b"c", None)]))
    assert (nulls.null_headers, nulls.headers[1:]) == (2, [("a", b""), ("b", b"1"), ("c", b"")])
    assert event_of(letter_with(headers=[(b"\xff", b"1")])).lacks_headers


def test_the_attempts_survive_headers_that_are_cut() -> None:
    """A redrive writes them first."""
    long: list[RawHeader] = [(ATTEMPTS.encode(), b"2"), (b"long", b"x" * MAX_HEADERS_BYTES)]
    assert event_of(letter_with(headers=long)).headers == [(ATTEMPTS, b"3")]


@pytest.mark.parametrize("forged", [b"", b"many", b"-7", b"9" * 400, "٣".encode()])
def test_attempts_that_are_no_number_count_as_none(forged: bytes) -> None:
    assert event_of(letter_with(headers=[(ATTEMPTS.encode(), forged)])).headers == [(ATTEMPTS, b"1")]


@pytest.mark.parametrize(
    ("chosen", "matches"),
    [
        (LetterFilter(), True),
        (LetterFilter(reason="invalid_field"), True),
        (LetterFilter(reason="oversize"), False),
        (LetterFilter(customer_id="c1"), True),
        (LetterFilter(customer_id="c2"), False),
        (LetterFilter(source_topic="events"), True),
        (LetterFilter(source_topic="other"), False),
        (LetterFilter(source_place=(1, 7)), True),
        (LetterFilter(source_place=(1, 8)), False),
        (LetterFilter(reason="invalid_field", source_place=(0, 7)), False),
    ],
)
def test_a_filter_chooses_letters_by_all_that_it_names(chosen: LetterFilter, matches: bool) -> None:
    assert chosen.matches(letter_with()) is matches


def test_the_headers_of_an_event_never_pass_for_those_of_the_letter() -> None:
    """A producer may forge them; the consumer leaves them out."""
    letter = letter_with(headers=[(b"ltv.topic", b"ltv.changelog"), (b"ltv.reason", b"oversize")])
    assert event_of(letter).origin == ORIGIN
    assert LetterFilter(reason="invalid_field").matches(letter)


def test_the_same_offset_of_another_time_or_topic_is_another_event() -> None:
    """A topic that was deleted and recreated has the same offsets again."""
    redriven = RedrivenOrigins()
    redriven.add(ORIGIN)
    assert ORIGIN in redriven
    for other in (Origin("events", 1, 7, 6), Origin("others", 1, 7, 5), Origin("events", 1, 7, -5)):
        assert other not in redriven
