"""A dead letter: an invalid event's original value and key; its headers say why it is invalid and where it was read."""

from typing import Final, NamedTuple

from msgspec import Struct

from contract.errors import InvalidEvent

REASON: Final = "ltv.reason"
FIELD: Final = "ltv.field"
ERROR: Final = "ltv.error"
TOPIC: Final = "ltv.topic"
PARTITION: Final = "ltv.partition"
OFFSET: Final = "ltv.offset"
TIMESTAMP: Final = "ltv.timestamp"
TRUNCATED_FROM: Final = "ltv.truncated-from"
"""Only if the value was cut to MAX_PAYLOAD_BYTES: its full length in bytes. The record at the origin has all of it."""

WAS_NULL: Final = "ltv.was-null"
"""Only if the record had neither key nor value. Clients refuse to write such a record, so the value is empty bytes."""

MAX_PAYLOAD_BYTES: Final = 1_000_000


class Origin(Struct, frozen=True):
    """The record of an event: topic, partition, offset, and its timestamp in ms since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


Headers = list[tuple[str, bytes]]


class DeadLetter(NamedTuple):
    """One record for ltv.dead-letters."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def dead_letter(key: bytes | None, value: bytes | None, error: InvalidEvent, origin: Origin) -> DeadLetter:
    """The dead letter of an invalid event. A value over MAX_PAYLOAD_BYTES is cut; a header gives its full length."""
    headers: Headers = [
        (REASON, error.reason.encode()),
        (FIELD, error.field.encode()),
        (ERROR, error.detail.encode()),
        (TOPIC, origin.topic.encode()),
        (PARTITION, str(origin.partition).encode()),
        (OFFSET, str(origin.offset).encode()),
        (TIMESTAMP, str(origin.timestamp_ms).encode()),
    ]
    if value is not None and len(value) > MAX_PAYLOAD_BYTES:
        headers.append((TRUNCATED_FROM, str(len(value)).encode()))
        value = value[:MAX_PAYLOAD_BYTES]
    if value is None and key is None:
        headers.append((WAS_NULL, b"1"))
        value = b""
    return DeadLetter(key, value, headers)
