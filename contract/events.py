"""The events a shop may send: one typed record per type, decoded and validated in one step.

The rules are the types: msgspec enforces them while it decodes, and the JSON Schemas in
`contract/schemas/` are written from them (`python -m contract.schemas`).
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

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


class CustomerEvent(Struct, tag_field="type", tag="CUSTOMER", gc=False, frozen=True):
    """A customer is new, or something about it changed. `key` is the customer id."""

    verb: Literal["NEW", "UPDATE"]
    key: Id
    event_time: EventTime
    last_name: Text | None = None
    adr_city: Text | None = None
    adr_state: Text | None = None

    @property
    def customer_id(self) -> str:
        """The customer: here the event's own key."""
        return self.key


class SiteVisitEvent(Struct, tag_field="type", tag="SITE_VISIT", gc=False, frozen=True):
    """A customer looked at a page. `key` is the page id."""

    verb: Literal["NEW"]
    key: Id
    event_time: EventTime
    customer_id: Id
    tags: list[dict[str, Scalar]] | None = None


class ImageEvent(Struct, tag_field="type", tag="IMAGE", gc=False, frozen=True):
    """A customer uploaded an image. `key` is the image id."""

    verb: Literal["UPLOAD"]
    key: Id
    event_time: EventTime
    customer_id: Id
    camera_make: Text | None = None
    camera_model: Text | None = None


class OrderEvent(Struct, tag_field="type", tag="ORDER", gc=False, frozen=True):
    """A customer ordered, or the order changed. `key` is the order id, unique within its customer."""

    verb: Literal["NEW", "UPDATE"]
    key: Id
    event_time: EventTime
    customer_id: Id
    total_amount: Amount


Event = CustomerEvent | SiteVisitEvent | ImageEvent | OrderEvent

_decode = msgspec.json.Decoder(Event).decode
_encode = msgspec.json.Encoder().encode
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


def decode_event(value: bytes | None) -> tuple[Event, datetime]:
    """Decode and validate one event; returns it with its event time in UTC.

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
        if not value.isascii():
            value.decode()  # msgspec does not look into the fields that it skips.
        event: Event = _decode(value)
    except msgspec.ValidationError as error:
        raise _broken_rule(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidEvent("undecodable", "", f"not JSON in UTF-8: {error}") from None
    return event, parse_event_time(event.event_time)


def encode_event(event: Event) -> bytes:
    """The event as one JSON object in UTF-8, absent optional fields as null."""
    return _encode(event)


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
