"""What a redrive does with one dead letter: the event that goes back to its topic, or why the letter is left.

Pure: no I/O and no clock. The topic's partitions and limits are the redrive's own matter (`administration/redrive.py`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from cluster.fetched import Record
from contract import dead_letters as names
from contract.customer_key import readable_key

MAX_ATTEMPTS_DIGITS: Final = 9

LeftBecause = Literal[
    "redriven_before",
    "no_dead_letter",
    "unreadable_batch",
    "cut_payload",
    "cut_key",
    "no_key_and_payload",
    "needs_set_key",
    "no_customer_id",
    "max_attempts",
    "own_topic",
    "missing_topic",
    "too_large",
]

LEFT_BECAUSE: Final[dict[LeftBecause, str]] = {
    "redriven_before": "it was redriven already: each event goes back once",
    "no_dead_letter": "it has no headers of a dead letter: another program wrote it",
    "unreadable_batch": "it is a whole batch whose records can't be read: send them again from their source",
    "cut_payload": "its payload was cut: send it again from its source",
    "cut_key": "its key was cut: send it again from its source",
    "no_key_and_payload": "it has neither key nor payload, which clients refuse to send",
    "needs_set_key": "its key is not its customer's id: --set-key sets it",
    "no_customer_id": "its customer's id can't be read, so --set-key can't set the key",
    "max_attempts": "it was redriven --max-attempts times, and was invalid each time",
    "own_topic": "its headers name a topic that only the consumer writes",
    "missing_topic": "its topic does not exist",
    "too_large": "it is larger than its topic's max.message.bytes",
}
"""Why a dead letter is left -> an explanation."""


@dataclass(frozen=True)
class LetterFilter:
    """Which dead letters are meant; None: all."""

    reason: str | None = None
    customer_id: str | None = None
    source_topic: str | None = None
    source_place: tuple[int, int] | None = None
    """The partition and the offset of the invalid event."""

    def matches(self, letter: Record) -> bool:
        """Whether this dead letter is meant."""
        header = header_texts(letter)
        if self.reason not in {None, header.get(names.REASON)}:
            return False
        if self.source_topic not in {None, header.get(names.TOPIC)}:
            return False
        if self.source_place:
            origin = origin_of(header)
            if origin is None or self.source_place != (origin.partition, origin.offset):
                return False
        if self.customer_id is None:
            return True
        wanted = self.customer_id.encode(errors="replace")
        return wanted in {letter.key, readable_key(letter.value or b"")}


class RedrivenEvent(NamedTuple):
    """One event that goes back to its topic."""

    origin: names.Origin
    """The record of the invalid event. The event goes to its topic."""
    key: bytes | None
    value: bytes | None
    headers: names.Headers
    places_by: bytes | None
    """The key by which the partitioner places it; None: it goes to the partition where it was read."""
    lacks_headers: bool
    """Headers of the original event were left out of the dead letter."""
    null_headers: int
    """How many of its headers were null, and are empty now."""


def redriven_event(
    letter: Record, *, set_key: bool, max_attempts: int, own_topics: Collection[str]
) -> RedrivenEvent | LeftBecause:
    """The event of a dead letter, or why the letter is left.

    Args:
        letter: the record of the dead letter.
        set_key: give an event with a wrong key its customer's id as key.
        max_attempts: how often an event may be redriven.
        own_topics: the topics that only the consumer writes.
    """
    header = header_texts(letter)
    origin = origin_of(header)
    if origin is None or names.REASON not in header:
        return "no_dead_letter"
    if origin.topic in own_topics:
        return "own_topic"
    attempts = attempts_of(letter)
    if attempts >= max_attempts:
        return "max_attempts"
    if why := _not_whole(header):
        return why
    key, customer_key = letter.key, readable_key(letter.value or b"")
    if header[names.REASON] == "wrong_key":
        if not set_key:
            return "needs_set_key"
        if customer_key is None:
            return "no_customer_id"
        key = customer_key
    elif names.KEY_TRUNCATED_FROM in header:
        return "cut_key"
    return RedrivenEvent(
        origin=origin,
        key=key,
        value=letter.value,
        headers=[(names.ATTEMPTS, str(attempts + 1).encode()), *event_headers(letter)],
        places_by=customer_key if key is None else key,
        lacks_headers=names.HEADERS_TRUNCATED_FROM in header,
        null_headers=len(header.get(names.NULL_HEADERS, "").split(","))
        if names.NULL_HEADERS in header
        else 0,
    )


def _not_whole(header: dict[str, str]) -> LeftBecause | None:
    if names.RECORDS in header:
        return "unreadable_batch"
    if names.TRUNCATED_FROM in header:
        return "cut_payload"
    return "no_key_and_payload" if names.WAS_NULL in header else None


def header_texts(letter: Record) -> dict[str, str]:
    """Name -> text of the headers that say why the event is invalid; the event's own headers are left out."""
    return {
        name: (value or b"").decode(errors="replace")
        for name, value in letter.headers
        if name.startswith(names.PREFIX) and name != names.ATTEMPTS
    }


def event_headers(letter: Record) -> names.Headers:
    """The event's own headers that the dead letter has, without the number of attempts."""
    return [(name, value or b"") for name, value in letter.headers if not name.startswith(names.PREFIX)]


def attempts_of(letter: Record) -> int:
    """How often the event was redriven; 0 if its headers do not say so in decimal digits."""
    numbers = [_number(value or b"") for name, value in letter.headers if name == names.ATTEMPTS]
    return max(numbers, default=0)


def origin_of(header: dict[str, str]) -> names.Origin | None:
    """The record of the invalid event; None if the headers do not say which."""
    topic, partition, offset = (header.get(name, "") for name in (names.TOPIC, names.PARTITION, names.OFFSET))
    if not topic or not partition.isdecimal() or not offset.isdecimal():
        return None
    timestamp = header.get(names.TIMESTAMP, "")
    timestamp_ms = int(timestamp) if timestamp.removeprefix("-").isdecimal() else 0
    return names.Origin(topic, int(partition), int(offset), timestamp_ms)


def _number(digits: bytes) -> int:
    return int(digits) if digits.isdigit() and len(digits) <= MAX_ATTEMPTS_DIGITS else 0
