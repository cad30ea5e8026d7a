"""The expected results, computed from the topic's records in the slow and obvious way. Imports nothing of the project.

It checks as much of the contract as the tests' events need: the consumer must make dead letters of exactly the records
that this oracle finds invalid.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

TYPES = {
    "CUSTOMER": {"NEW", "UPDATE"},
    "SITE_VISIT": {"NEW"},
    "IMAGE": {"UPLOAD"},
    "ORDER": {"NEW", "UPDATE"},
}
MAX_EVENT_BYTES = 1_000_000


class Record(NamedTuple):
    """One record of the events topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Invalid(Exception):
    """The record must not be counted; its text is the contract's reason."""


def event_of(record: Record) -> dict[str, Any]:
    """The event of a record.

    Raises:
        Invalid: the record holds no valid event.
    """
    return _event_of(record.key, record.value)


@lru_cache(maxsize=100_000)  # Asked for the same records again and again.
def _event_of(key: bytes | None, value: bytes | None) -> dict[str, Any]:
    if not value:
        raise Invalid("empty")
    if len(value) > MAX_EVENT_BYTES:
        raise Invalid("oversize")
    try:
        event = json.loads(value.decode("utf-8"))
    except ValueError:
        raise Invalid("undecodable") from None
    if not isinstance(event, dict):
        raise Invalid("invalid_field")
    if "type" not in event:
        raise Invalid("missing_field")
    if event["type"] not in TYPES:
        raise Invalid("unknown_type")
    of_customer = event["type"] == "CUSTOMER"
    required = ["verb", "key", "event_time"] + ([] if of_customer else ["customer_id"])
    if event["type"] == "ORDER":
        required.append("total_amount")
    if any(name not in event for name in required):
        raise Invalid("missing_field")
    if event["verb"] not in TYPES[event["type"]]:
        raise Invalid("unknown_verb")
    if any(not isinstance(event[name], str) or not event[name] for name in required):
        raise Invalid("invalid_field")
    event["customer_id"] = event["key"] if of_customer else event["customer_id"]
    event["at"] = _instant(event["event_time"])
    if event["type"] == "ORDER":
        event["dollars"] = _dollars(event["total_amount"])
    if key != event["customer_id"].encode():
        raise Invalid("wrong_key")
    return event


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("invalid_field") from None
    if at.tzinfo is None:
        raise Invalid("invalid_field")
    try:
        return at.astimezone(UTC)
    except OverflowError:  # In the year 0 or 10000.
        raise Invalid("invalid_field") from None


def _dollars(text: str) -> Fraction:
    number, _, currency = text.partition(" ")
    if currency != "USD" or not number.replace(".", "", 1).isdigit():
        raise Invalid("invalid_field")
    return Fraction(number)


def invalid_among(records: Iterable[Record]) -> dict[tuple[int, int], str]:
    """(partition, offset) of every invalid record -> the reason."""
    found = {}
    for record in records:
        try:
            event_of(record)
        except Invalid as reason:
            found[record.partition, record.offset] = str(reason)
    return found


def snapshot_of(records: Iterable[Record], x: int, basis: str) -> dict[str, Any]:
    """The figures of a complete snapshot over these records: totals, time frame, rows without previous ranks."""
    weeks: dict[str, set[int]] = {}
    visits: dict[str, int] = {}
    names: dict[str, tuple[datetime, bool, str]] = {}
    orders: dict[tuple[str, str], tuple[datetime, bool, Fraction]] = {}
    times: list[datetime] = []
    dead_letters = 0
    for record in records:
        try:
            event = event_of(record)
        except Invalid:
            dead_letters += 1
            continue
        customer, at, is_update = event["customer_id"], event["at"], event["verb"] == "UPDATE"
        times.append(at)
        weeks.setdefault(customer, set()).add(_week(at))
        if event["type"] == "SITE_VISIT":
            visits[customer] = visits.get(customer, 0) + 1
        if event["type"] == "ORDER":
            version = (at, is_update, event["dollars"])
            place = (customer, event["key"])
            orders[place] = max(orders.get(place, version), version)
        if event["type"] == "CUSTOMER" and event.get("last_name") is not None:
            name = (at, is_update, event["last_name"])
            names[customer] = max(names.get(customer, name), name)

    spend: dict[str, Fraction] = dict.fromkeys(weeks, Fraction(0))
    count: dict[str, int] = dict.fromkeys(weeks, 0)
    for (customer, _), (_, _, dollars) in orders.items():
        spend[customer] += dollars
        count[customer] += 1
    frame = _week(max(times)) - _week(min(times)) + 1 if times else 0
    divisor = {customer: len(own) if basis == "active" else frame for customer, own in weeks.items()}
    ltv = {customer: 52 * spend[customer] / divisor[customer] * 10 for customer in weeks}
    best = sorted(weeks, key=lambda customer: (-ltv[customer], customer))[:x]
    return {
        "basis": basis,
        "timeframe_weeks": frame,
        "event_time_min": _text(min(times)) if times else None,
        "event_time_max": _text(max(times)) if times else None,
        "totals": {
            "events": len(times),
            "customers": len(weeks),
            "orders": len(orders),
            "revenue": _cents(sum(spend.values(), Fraction(0))),
            "dead_letters": dead_letters,
        },
        "rows": [
            {
                "rank": rank,
                "customer_id": customer,
                "last_name": names[customer][2] if customer in names else None,
                "ltv": _cents(ltv[customer]),
                "total_spend": _cents(spend[customer]),
                "weeks": len(weeks[customer]),
                "orders": count[customer],
                "visits": visits.get(customer, 0),
                "revenue_per_visit": (
                    _cents(spend[customer] / visits[customer]) if customer in visits else None
                ),
                "visits_per_week": round(visits.get(customer, 0) / divisor[customer], 4),
            }
            for rank, customer in enumerate(best, 1)
        ],
    }


def _week(at: datetime) -> int:
    """The number of the week, from Sunday on: 0001-01-07, the seventh day, was the first Sunday."""
    return at.toordinal() // 7


def _cents(dollars: Fraction) -> str:
    cents = round(dollars * 100)  # A Fraction rounds half to even.
    return f"{cents // 100}.{cents % 100:02d}"


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
