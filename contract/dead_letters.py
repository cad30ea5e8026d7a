"""A dead letter: an invalid event's original bytes and key; its headers say why and where from."""

from typing import Final

from msgspec import Struct

REASON: Final = "ltv.reason"
FIELD: Final = "ltv.field"
ERROR: Final = "ltv.error"
TOPIC: Final = "ltv.topic"
PARTITION: Final = "ltv.partition"
OFFSET: Final = "ltv.offset"
TIMESTAMP: Final = "ltv.timestamp"
TRUNCATED_FROM: Final = "ltv.truncated-from"
"""Only on a payload too long to carry: its full length in bytes. The whole stays at its origin."""

WAS_NULL: Final = "ltv.was-null"
"""Only where the record had neither key nor value: clients refuse to write that, so the value is empty."""

MAX_PAYLOAD_BYTES: Final = 1_000_000


class Origin(Struct, frozen=True):
    """Where an event was read: topic, partition, offset, the record's timestamp in ms since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
