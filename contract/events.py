"""The events a shop may send: one typed record per type, decoded and validated in one step.

The rules are the types: msgspec enforces them while it decodes, and the JSON Schemas in
`contract/schemas/` are written from them (`python -m contract.schemas`).
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from contract.errors import InvalidEvent

MAX_EVENT_BYTES: Final = 1_000_000
MAX_ID_CHARS: Final = 256
MAX_TEXT_CHARS: Final = 200
MAX_AMOUNT_CHARS: Final = 40

REASONS: Final = {
    "empty": "no value at all (a tombstone or a blank line)",
    "oversize": f"longer than {MAX_EVENT_BYTES:,} bytes",
    "undecodable": "not JSON, or not UTF-8",
    "unknown_type": "type is not CUSTOMER, SITE_VISIT, IMAGE or ORDER",
    "unknown_verb": "the verb does not exist for this type",
    "missing_field": "a required field is not there",
    "invalid_field": "a field is there but breaks its rule",
    "wrong_key": "the Kafka key is not the event's customer id: its customer would be split over partitions",
}
"""Why an event is set aside: the values of `InvalidEvent.reason` and what each means."""

Id = Annotated[
    str, Meta(min_length=1, max_length=MAX_ID_CHARS, description=f"An id of 1 to {MAX_ID_CHARS} characters.")
]
Text = Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
EventTime = Annotated[
    str,
    Meta(
        description="ISO 8601 / RFC 3339 with Z or an offset, within the years 1 to 9999 in UTC; "
        "what is beyond microseconds is cut.",
        examples=["2017-01-06T12:46:46.384Z", "2017-01-06T14:46:46+02:00"],
    ),
]
Amount = Annotated[
    str,
    Meta(
        max_length=MAX_AMOUNT_CHARS,
        # The last part keeps Python's `$` from accepting a newline at the end.
        pattern=r"^(0*[0-9]{1,15}(\.[0-9]{1,2})?|0*10{15}(\.0{1,2})?) USD$(?!\n)",
        description="Digits, optionally a point and one or two decimals, a blank, USD; up to 10^15 dollars.",
        examples=["12.34 USD"],
    ),
]
Scalar = str | int | float | bool | None


Time = TypeVar("Time")
"""Of an event: text as it comes, in UTC once it is decoded."""


class CustomerEvent(
    Struct,
    Generic[Time],
    tag_field="type",
    tag="CUSTOMER",
    rename={"customer_id": "key"},
    gc=False,
    frozen=True,
):
    """A customer is new, or something about it changed. `key` is the customer id."""

    verb: Literal["NEW", "UPDATE"]
    customer_id: Id
    event_time: Time
    last_name: Text | None = None
    adr_city: Text | None = None
    adr_state: Text | None = None


class SiteVisitEvent(
    Struct,
    Generic[Time],
    tag_field="type",
    tag="SITE_VISIT",
    rename={"page_id": "key"},
    gc=False,
    frozen=True,
):
    """A customer looked at a page. `key` is the page id."""

    verb: Literal["NEW"]
    page_id: Id
    event_time: Time
    customer_id: Id
    tags: list[dict[str, Scalar]] | None = None


class ImageEvent(
    Struct, Generic[Time], tag_field="type", tag="IMAGE", rename={"image_id": "key"}, gc=False, frozen=True
):
    """A customer uploaded an image. `key` is the image id."""

    verb: Literal["UPLOAD"]
    image_id: Id
    event_time: Time
    customer_id: Id
    camera_make: Text | None = None
    camera_model: Text | None = None


class OrderEvent(
    Struct, Generic[Time], tag_field="type", tag="ORDER", rename={"order_id": "key"}, gc=False, frozen=True
):
    """A customer ordered, or the order changed. `key` is the order id, unique within its customer."""

    verb: Literal["NEW", "UPDATE"]
    order_id: Id
    event_time: Time
    customer_id: Id
    total_amount: Amount


AnyEvent = CustomerEvent[Time] | SiteVisitEvent[Time] | ImageEvent[Time] | OrderEvent[Time]
EventAsSent = AnyEvent[EventTime]
"""What may stand on the topic."""
Event = AnyEvent[Annotated[datetime, Meta(tz=True)]]
"""The same, decoded: the time is in UTC."""

_decode_as_sent = msgspec.json.Decoder(EventAsSent).decode
_decode = msgspec.json.Decoder(Event).decode
_fromisoformat = datetime.fromisoformat

# fromisoformat takes more (any separator, week dates, offsets of 99 minutes; from Python 3.14 the hour 24):
# what does not fit this stops here.
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
        # The common form, "2017-01-06T12:46:46.384Z", needs no further look.
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
        f"{_shown(text)} is not an ISO 8601 time with Z or an offset within the years 1 to 9999",
    )


def decode_event(value: bytes | None) -> Event:
    """Decode and validate one event.

    Args:
        value: one JSON object in UTF-8, at most `MAX_EVENT_BYTES` long.

    Raises:
        InvalidEvent: it breaks a rule of the contract; says which field and why.
    """
    if not value:
        raise InvalidEvent("empty", "", "the event has no value")
    if len(value) > MAX_EVENT_BYTES:
        raise InvalidEvent("oversize", "", f"{len(value):,} bytes; at most {MAX_EVENT_BYTES:,} are taken")
    try:
        value.decode()  # msgspec does not look into the fields that it skips.
        event: Any = _decode_as_sent(value)
    except msgspec.ValidationError as error:
        raise _broken_rule(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEvent("undecodable", "", f"not JSON in UTF-8: {error}") from None
    decoded: Event = msgspec.structs.replace(event, event_time=parse_event_time(event.event_time))
    return decoded


CHUNK_EVENTS: Final = 500
"""How many to decode at once: so few that they stay in the processor's cache until they are ingested."""

Invalid = list[tuple[int, InvalidEvent]]


def decode_events(
    values: Sequence[bytes | None], keys: Sequence[bytes | None] | None = None
) -> tuple[list[Event], Invalid]:
    """`decode_event` for many values at once: the valid events in order, and which values are invalid and why.

    The common event is decoded straight to its type. Whatever needs a closer look, or breaks a rule, gets it
    from `decode_event`.

    Args:
        values: one JSON object each.
        keys: the values' Kafka keys, which must be the events' customer ids; None: there are none to look at.
    """
    decode = _decode if _are_plain(values) else decode_event
    events: list[Event] = []
    invalid: Invalid = []
    for i, value in enumerate(values):
        try:
            event = decode(value)  # type: ignore[arg-type]  # None is not plain.
            if event.event_time.tzinfo is not UTC:
                event = decode_event(value)
        except (msgspec.MsgspecError, InvalidEvent, RecursionError):
            try:
                event = decode_event(value)
            except InvalidEvent as error:
                invalid.append((i, error))
                continue
        if keys is not None and keys[i] != event.customer_id.encode():
            invalid.append((i, _wrong_key(keys[i], event.customer_id)))
        else:
            events.append(event)
    return events, invalid


# msgspec rounds what is beyond microseconds; the contract cuts it.
_BEYOND_MICROSECONDS = re.compile(rb"\.\d{7}")


def _are_plain(values: Sequence[bytes | None]) -> bool:
    """Whether these values are all UTF-8, short enough, and without a time that msgspec would round."""
    try:
        joined = b"\n".join(values)  # type: ignore[arg-type]  # None: a TypeError.
        joined.decode()
    except (TypeError, UnicodeDecodeError):
        return False
    return len(joined) <= MAX_EVENT_BYTES and not _BEYOND_MICROSECONDS.search(joined)


def _wrong_key(key: bytes | None, customer_id: str) -> InvalidEvent:
    shown = "there is none" if key is None else f"it is {key[:60]!r}"
    return InvalidEvent(
        "wrong_key", "", f"the Kafka key must be the customer id {customer_id[:60]!r}; {shown}"
    )


def _shown(text: str) -> str:
    """Text from outside, made short and safe for an error message."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


_FIELD = re.compile(r"\.?([^`\[.]*)")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")
_GIVEN = re.compile(r"Invalid (?:enum )?value '(.*)'", re.DOTALL)


def _broken_rule(error: str) -> InvalidEvent:
    """Turn msgspec's words into ours: the reason, the field, the rule.

    They may quote the event: nothing here may take more than linear time, or trust what stands inside the quotes.
    """
    rule, _, path = error.rpartition(" - at `$")
    if not rule:
        rule, path = error, ""
    found = _FIELD.match(path)
    field = found[1] if found else ""
    if missing := _MISSING.match(rule):
        return InvalidEvent("missing_field", missing[1], "this field is required")
    if given := _GIVEN.fullmatch(rule):
        rule = f"invalid value {_shown(given[1])}"
        if field == "verb":
            return InvalidEvent("unknown_verb", field, f"{rule} for this type")
    rule = rule[0].lower() + rule[1:]
    if field == "type":
        return InvalidEvent("unknown_type", field, f"{rule}; known are CUSTOMER, SITE_VISIT, IMAGE, ORDER")
    if field == "total_amount" and "matching regex" in rule:
        rule = 'expected an amount like "12.34 USD", not negative, at most 10^15 dollars'
    return InvalidEvent("invalid_field", field, rule)
