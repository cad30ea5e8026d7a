"""Rubbish: events that break the contract, each in one way, with every reason that a file's event can have."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final, Literal

from contract.events import MAX_EVENT_BYTES
from producer.shop import ShopEvent, json_text

RUBBISH_PER_OVERSIZE: Final = 500
"""One in this many is longer than the contract allows; more would make up most of the bytes."""

Kind = Callable[[Mapping[str, object]], bytes]
"""Makes an invalid event from a valid order's fields."""

ABSENT: Final = object()

CHANGES: Final[tuple[Mapping[str, object], ...]] = (
    *({field: ABSENT} for field in ("type", "verb", "key", "event_time", "customer_id", "total_amount")),
    *({"type": name} for name in ("REFUND", "order", "")),
    *({"verb": verb} for verb in ("DELETE", "UPLOAD", "new")),
    *({"key": key} for key in ("", 42, None)),
    *({"customer_id": customer} for customer in ("", 42, ["c"])),
    *({"total_amount": amount} for amount in ("-5.00 USD", "12.34 EUR", "12.34", "12,34 USD", "free", 12.34)),
    *(
        {"event_time": time}
        for time in ("2025-06-01T12:00:00", "2025-02-30T12:00:00Z", "soon", "", 1748779200)
    ),
)
"""Each makes a valid order invalid."""

NOT_OBJECTS: Final = (b"42", b'"text"', b"null", b"true")


def _latin_1(order: Mapping[str, object]) -> bytes:
    return json_text({**order, "last_name": "Ødegård"}).encode("latin-1")


UNREADABLE: Final[tuple[Kind, ...]] = (
    lambda _: b"GET / HTTP/1.1",
    lambda order: json_text(order).encode()[:-20],
    lambda order: json_text(order).encode()[:-1] + b",}",
    lambda order: json_text(order).replace('"', "'").encode(),
    _latin_1,
)
"""Not JSON, or not in UTF-8."""

FILE_BEGINNINGS: Final[tuple[Kind, ...]] = (
    lambda _: b"",
    lambda order: json_text(order).encode("utf-8-sig"),
    lambda order: json_text(order).encode("utf-16-le"),
)
"""Invalid only as a record's value: in a file, a byte order mark, UTF-16 and blank lines mean something else."""

Place = Literal["record", "line", "element"]
"""Where an event will be written: to Kafka, on a line of a file, or in a JSON array, whose elements must be JSON.
(No rubbish begins with a bracket: a file's first line must not.)"""


def rubbish(random: Random, customer_id: str, at: str, place: Place) -> ShopEvent:
    """An invalid event that can be written to `place`."""
    draw = random.random
    number = int(draw() * 2**48)
    order: dict[str, object] = {
        "type": "ORDER",
        "verb": "NEW",
        "key": f"{number:012x}",
        "event_time": at,
        "customer_id": customer_id,
        "total_amount": f"{number % 500}.00 USD",
    }
    if draw() * RUBBISH_PER_OVERSIZE < 1:
        return ShopEvent(
            customer_id, json_text({**order, "note": "x" * MAX_EVENT_BYTES}).encode(), valid=False
        )
    kinds = _KINDS[place]
    return ShopEvent(customer_id, kinds[int(draw() * len(kinds))](order), valid=False)


def _changed(change: Mapping[str, object]) -> Kind:
    return lambda order: json_text({k: v for k, v in {**order, **change}.items() if v is not ABSENT}).encode()


def _constant(value: bytes) -> Kind:
    return lambda _: value


_ELEMENTS: Final = (*map(_changed, CHANGES), *map(_constant, NOT_OBJECTS))
_LINES: Final = (*_ELEMENTS, *UNREADABLE)
_KINDS: Final[Mapping[Place, tuple[Kind, ...]]] = {
    "element": _ELEMENTS,
    "line": _LINES,
    "record": (*_LINES, *FILE_BEGINNINGS),
}
