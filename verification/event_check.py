"""The contract of the events (docs/producers.md), written a second time: what counts, and what a counted event says.

Nothing here comes from `contract/decode.py` or the domain, so that a mistake there is not made twice.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

MAX_EVENT_BYTES: Final = 1_000_000
MAX_ID_CHARS: Final = 256
MAX_TEXT_CHARS: Final = 200
MAX_AMOUNT_CHARS: Final = 40
SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND_US
END_US: Final = (date.max.toordinal() + 1) * DAY_US
"""The end of the year 9999, as instants are counted here."""


class NotCounted(Exception):
    """The record breaks the contract; the text says how."""


class CountedEvent(NamedTuple):
    """A valid event: what the ranking needs."""

    customer: str
    type: str
    is_update: bool
    instant: int
    """Microseconds since Sunday 0000-12-31 00:00 UTC, the first day of a week."""
    order_id: str | None
    """Only of an ORDER."""
    dollars: str | None
    """Only of an ORDER: a decimal number."""
    last_name: str | None
    """Only of a CUSTOMER."""


def counted_event(value: bytes | None) -> CountedEvent:
    """The event of a record's value.

    Raises:
        NotCounted: it breaks the contract.
    """
    pairs = _json_object(value)
    fields = dict(pairs)
    kind = fields.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise NotCounted("no known type")
    checks, required = _FIELDS[kind]
    for name, content in pairs:
        check = checks.get(name)
        # A field that stands twice must be right each time; the last one counts.
        if (check is not None and not check(content)) or (name == "type" and content != kind):
            raise NotCounted(f"wrong {name}")
    for name in required:
        if name not in fields:
            raise NotCounted(f"no {name}")
    is_order = kind == "ORDER"
    return CountedEvent(
        customer=fields["key"] if kind == "CUSTOMER" else fields["customer_id"],
        type=kind,
        is_update=fields["verb"] == "UPDATE",
        instant=_instant(fields["event_time"]),
        order_id=fields["key"] if is_order else None,
        dollars=fields["total_amount"].removesuffix(" USD") if is_order else None,
        last_name=fields.get("last_name") if kind == "CUSTOMER" else None,
    )


def _refuse(constant: str) -> Any:
    raise ValueError(constant)  # NaN and Infinity are not JSON.


# Objects become tuples of pairs, so that a field which stands twice is seen. Nobody reads a number.
_parse: Final = json.JSONDecoder(
    object_pairs_hook=tuple, parse_int=float, parse_float=float, parse_constant=_refuse
).decode


def _json_object(value: bytes | None) -> tuple[tuple[str, Any], ...]:
    if not value:
        raise NotCounted("no value")
    if len(value) > MAX_EVENT_BYTES:
        raise NotCounted(f"longer than {MAX_EVENT_BYTES:,} bytes")
    try:
        parsed = _parse(value.decode())
        if b"\\u" in value:
            json.dumps(parsed, ensure_ascii=False).encode()  # Raises for half a surrogate pair.
    except (ValueError, RecursionError):
        raise NotCounted("not JSON in UTF-8") from None
    if type(parsed) is not tuple:
        raise NotCounted("no JSON object")
    return parsed


def _is_text(content: Any) -> bool:
    return isinstance(content, str)


def _is_id(content: Any) -> bool:
    return isinstance(content, str) and 0 < len(content) <= MAX_ID_CHARS


def _is_short(content: Any) -> bool:
    return content is None or (isinstance(content, str) and len(content) <= MAX_TEXT_CHARS)


_AMOUNT: Final = re.compile(r"0*(?:[0-9]{1,15}(?:\.[0-9]{1,2})?|10{15}(?:\.00?)?) USD")


def _is_amount(content: Any) -> bool:
    return (
        isinstance(content, str)
        and len(content) <= MAX_AMOUNT_CHARS
        and _AMOUNT.fullmatch(content) is not None
    )


def _is_tags(content: Any) -> bool:
    if content is None:
        return True
    return isinstance(content, list) and all(
        isinstance(tag, tuple) and not any(isinstance(each, list | tuple) for _, each in tag)
        for tag in content
    )


def _fields(
    verbs: set[str], optional: Mapping[str, Callable[[Any], bool]], **required: Callable[[Any], bool]
) -> tuple[Mapping[str, Callable[[Any], bool]], tuple[str, ...]]:
    """A type's checks by field, and the fields that must be there."""

    def is_verb(content: Any) -> bool:
        return isinstance(content, str) and content in verbs

    needed = {"verb": is_verb, "key": _is_id, "event_time": _is_text, **required}
    return {**needed, **optional}, tuple(needed)


_FIELDS: Final = {
    "CUSTOMER": _fields(
        {"NEW", "UPDATE"}, {"last_name": _is_short, "adr_city": _is_short, "adr_state": _is_short}
    ),
    "SITE_VISIT": _fields({"NEW"}, {"tags": _is_tags}, customer_id=_is_id),
    "IMAGE": _fields({"UPLOAD"}, {"camera_make": _is_short, "camera_model": _is_short}, customer_id=_is_id),
    "ORDER": _fields({"NEW", "UPDATE"}, {}, customer_id=_is_id, total_amount=_is_amount),
}

_TIME: Final = re.compile(
    r"(?:(?P<day>\d{4}-\d\d-\d\d)[Tt ](?P<h>[01]\d|2[0-3]):(?P<m>[0-5]\d)(?::(?P<s>[0-5]\d)(?:[.,](?P<f>\d+))?)?"
    r"|(?P<day2>\d{8})[Tt](?P<h2>[01]\d|2[0-3])(?P<m2>[0-5]\d)(?:(?P<s2>[0-5]\d)(?:[.,](?P<f2>\d+))?)?)"
    r"(?:[Zz]|(?P<sign>[+-])(?P<oh>[01]\d|2[0-3])(?::?(?P<om>[0-5]\d))?)",
    re.ASCII,
)


@lru_cache(maxsize=10_000)
def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def _instant(text: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise NotCounted("wrong event_time")
    day, hour, minute, second, fraction, day2, hour2, minute2, second2, fraction2, sign, zone_h, zone_m = (
        found.groups()
    )
    try:
        days = _day(day or day2)
    except ValueError:
        raise NotCounted("event_time is on no day") from None
    seconds = int(hour or hour2) * 3600 + int(minute or minute2) * 60 + int(second or second2 or 0)
    if sign:
        away = int(zone_h) * 3600 + int(zone_m or 0) * 60
        seconds -= away if sign == "+" else -away
    microseconds = int((fraction or fraction2 or "0")[:6].ljust(6, "0"))
    instant = days * DAY_US + seconds * SECOND_US + microseconds
    if not DAY_US <= instant < END_US:
        raise NotCounted("event_time is outside the years 1 to 9999")
    return instant
