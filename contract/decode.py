"""Decodes and validates events in one step, by the types of `contract/events.py`."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec

from contract.amounts import cents_of
from contract.errors import InvalidEvent
from contract.events import (
    EVENT_TYPES,
    MAX_EVENT_BYTES,
    Event,
    EventAsSent,
    EventTime,
    EventToCheck,
    OrderEvent,
    RawTags,
    SiteVisitEvent,
    UntaggedSiteVisit,
)

_decode_as_sent: Final = msgspec.json.Decoder(EventAsSent).decode
# It does not parse an order's amount, and leaves the event time in its own zone.
_decode: Final = msgspec.json.Decoder(EventToCheck).decode
_fromisoformat: Final = datetime.fromisoformat

# fromisoformat accepts more (any separator, week dates, offsets of 99 minutes; from Python 3.14 the hour 24); this
# pattern rejects it.
_HOUR, _OFFSET = r"([01]\d|2[0-3])", r"([Zz]|[+-]\d\d(:?[0-5]\d)?)"
_TIME = re.compile(
    rf"\d{{4}}-\d\d-\d\d[Tt ]{_HOUR}:\d\d(:\d\d([.,]\d+)?)?{_OFFSET}"
    rf"|\d{{8}}[Tt]{_HOUR}\d\d(\d\d([.,]\d+)?)?{_OFFSET}",
    re.ASCII,
)


def parse_event_time(text: str) -> datetime:
    """The instant that `text` names, in UTC, cut to microseconds.

    Raises:
        InvalidEvent: not ISO 8601 / RFC 3339, without Z or offset, or outside the years 1 to 9999 in UTC.
    """
    try:
        # The common form, "2017-01-06T12:46:46.384Z", without the pattern.
        if (
            (text[23:] == "Z" and text[19] == "." and text[10] == "T")
            and text[5] != "W"
            and (text[11] != "2" or text[12] != "4")
        ):
            return _fromisoformat(text)
        if _TIME.fullmatch(text):
            return _fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidEvent(
        "invalid_field",
        "event_time",
        f"{_quoted(text)} is not an ISO 8601 time with Z or an offset within the years 1 to 9999",
    )


def decode_event(value: bytes | None) -> Event:
    """Decode and validate one event.

    Args:
        value: one JSON object in UTF-8, at most `MAX_EVENT_BYTES` long.

    Raises:
        InvalidEvent: the event breaks a rule of the contract; names the field and the rule.
    """
    if not value:
        raise InvalidEvent("empty", "", "the event has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidEvent("oversize", "", f"{len(value):,} bytes; at most {MAX_EVENT_BYTES:,} are allowed")
    try:
        value.decode()  # msgspec does not check the UTF-8 of fields that it skips.
        event: Any = _decoded(value)
    except msgspec.ValidationError as error:
        raise _broken_rule(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEvent("undecodable", "", f"not JSON in UTF-8: {error}") from None
    found: dict[str, Any] = {"event_time": parse_event_time(event.event_time)}
    if type(event) is OrderEvent:
        found["total_amount"] = cents_of(event.total_amount)
    decoded: Event = msgspec.structs.replace(event, **found)
    return decoded


_decode_untagged: Final = msgspec.json.Decoder(UntaggedSiteVisit[EventTime]).decode
_decode_tags: Final = msgspec.json.Decoder(RawTags).decode
_TAG_OUT_OF_RANGE: Final = re.compile(r"[^`]* out of range - at `\$\.tags\[[^`]*`")


def _decoded(value: bytes) -> Any:
    """The event as it was sent; of a site visit that has a number beyond a float's range in its tags, without them."""
    try:
        return _decode_as_sent(value)
    except msgspec.ValidationError as error:
        if not _TAG_OUT_OF_RANGE.fullmatch(str(error)):
            raise
    visit = _decode_untagged(value)
    for tag in (bytes(tag) for each in _decode_tags(value).tags for tag in each.values()):
        if tag.startswith((b"[", b"{")):
            got = "array" if tag.startswith(b"[") else "object"
            raise InvalidEvent(
                "invalid_field", "tags", f"expected `bool | int | float | str | null`, got `{got}`"
            )
    return SiteVisitEvent(visit.verb, visit.page_id, visit.event_time, visit.customer_id)


CHUNK_EVENTS: Final = 500
"""Events decoded at once: few enough to stay in the processor's cache until they are ingested."""
CHUNK_BYTES: Final = 1024 * 1024
"""A chunk of events ends with the event that reaches this sum of bytes."""

Place = TypeVar("Place")


def chunks(events: Iterable[tuple[Place, bytes]]) -> Iterator[list[tuple[Place, bytes]]]:
    """Cut (place, value) pairs into lists for `decode_events`, of at most CHUNK_EVENTS and about CHUNK_BYTES."""
    rest = iter(events)
    while True:
        chunk, size = [], 0
        for event in islice(rest, CHUNK_EVENTS):
            chunk.append(event)
            size += len(event[1])
            if size >= CHUNK_BYTES:
                break
        if not chunk:
            return
        yield chunk


Invalid = list[tuple[int, InvalidEvent]]


def decode_events(
    values: Sequence[bytes | None], keys: Sequence[bytes | None] | None = None
) -> tuple[list[Event], Invalid]:
    """`decode_event` for many values at once: the valid events in order, and the invalid ones' indexes and errors.

    Common events are decoded directly to their types. `decode_event` decodes the values with times that msgspec rounds
    or leaves in another zone, and those that break a rule.

    Args:
        values: one JSON object each.
        keys: the values' Kafka keys, which must be the events' customer ids; None: keys are not checked.
    """
    plain, utc, order = _are_plain(values), UTC, OrderEvent
    events: list[Event] = []
    invalid: Invalid = []
    for i, value in enumerate(values):
        try:
            event: Any = _decode(value) if plain else None  # type: ignore[arg-type]  # None is not plain.
            if type(event) is order:
                event.total_amount = cents_of(event.total_amount)
        except (msgspec.MsgspecError, RecursionError, ValueError):
            event = None
        if event is None or event.event_time.tzinfo is not utc:
            try:
                event = decode_event(value)
            except InvalidEvent as error:
                # Both lead to this frame and back to `invalid`, which only the garbage collector would free.
                error.__traceback__ = error.__context__ = None
                invalid.append((i, error))
                continue
        events.append(event)
    if keys is not None:
        events = _with_their_keys(events, keys, invalid)
    return events, invalid


def _with_their_keys(events: list[Event], keys: Sequence[bytes | None], invalid: Invalid) -> list[Event]:
    """The events whose keys are their customer ids; the others are added to `invalid`, in order."""
    bad = {i for i, _ in invalid}
    at: Sequence[int] = [i for i in range(len(keys)) if i not in bad] if bad else range(len(keys))
    if _are_keys([keys[i] for i in at] if bad else keys, events):
        return events
    right: list[Event] = []
    for i, event in zip(at, events, strict=True):
        if keys[i] == event.customer_id.encode():
            right.append(event)
        else:
            invalid.append((i, _wrong_key(keys[i], event.customer_id)))
    invalid.sort(key=lambda each: each[0])
    return right


def _are_keys(keys: Sequence[bytes | None], events: list[Event]) -> bool:
    """Whether all keys are their events' customer ids, in one comparison."""
    ids = [event.customer_id for event in events]
    try:
        joined = b"\n".join(keys)  # type: ignore[arg-type]  # None: a TypeError.
    except TypeError:
        return False
    # The parts are equal only if every newline is a separator: a key or id may contain one.
    return joined == "\n".join(ids).encode() and joined.count(b"\n") == max(0, len(ids) - 1)


# msgspec rounds digits beyond microseconds; the contract cuts them.
_BEYOND_MICROSECONDS = re.compile(rb"\.[0-9]{7}")


def _are_plain(values: Sequence[bytes | None]) -> bool:
    """Whether these values are all UTF-8, short enough, and without a time that msgspec would round."""
    try:
        joined = b"\n".join(values)  # type: ignore[arg-type]  # None: a TypeError.
        if len(joined) > MAX_EVENT_BYTES and max(map(len, values)) > MAX_EVENT_BYTES:  # type: ignore[arg-type]
            return False
        joined.decode()
    except (TypeError, UnicodeDecodeError):
        return False
    return not _BEYOND_MICROSECONDS.search(joined)


def _wrong_key(key: bytes | None, customer_id: str) -> InvalidEvent:
    actual = "the record has none" if key is None else f"it is {key[:60]!r}"
    return InvalidEvent(
        "wrong_key", "", f"the Kafka key must be the customer id {customer_id[:60]!r}; {actual}"
    )


def _quoted(text: str) -> str:
    """An event's text, cut and escaped for an error message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


_FIELD = re.compile(r"\.?([^`\[.]*)")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_GIVEN = re.compile(r"Invalid (?:enum )?value '(.*)'", re.DOTALL)


def _broken_rule(error: str) -> InvalidEvent:
    """Convert msgspec's error text: find the reason, the field and the rule.

    The text may quote the event, so every step here takes linear time at most, and does not interpret quoted text.
    """
    rule, _, path = error.rpartition(" - at `$")
    if not rule:
        rule, path = error, ""
    found = _FIELD.match(path)
    field = found[1] if found else ""
    if missing := _MISSING.match(rule):
        return InvalidEvent("missing_field", missing[1], "this field is required")
    if given := _GIVEN.fullmatch(rule):
        rule = f"invalid value {_quoted(given[1])}"
        if field == "verb":
            return InvalidEvent("unknown_verb", field, f"{rule} for this type")
    rule = rule[0].lower() + rule[1:]
    if field == "type":
        return InvalidEvent("unknown_type", field, f"{rule}; known types: {', '.join(EVENT_TYPES)}")
    if field == "total_amount" and ("matching regex" in rule or "expected `str`" in rule):
        rule = 'expected an amount like "12.34 USD", not negative, at most 10^15 dollars'
    return InvalidEvent("invalid_field", field, rule)
