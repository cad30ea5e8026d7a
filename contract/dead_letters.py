"""A dead letter: an invalid event's key, value and headers; the headers that begin with `ltv.` say why it is invalid.

Kafka limits a batch's compressed size, not its records: each may be far larger than any record that can be written.
So the key, the value and the headers are cut to their first bytes; a header then has the full length and the digest.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

from msgspec import Struct

from contract.errors import InvalidEvent

PREFIX: Final = "ltv."
REASON: Final = "ltv.reason"
FIELD: Final = "ltv.field"
ERROR: Final = "ltv.error"
TOPIC: Final = "ltv.topic"
PARTITION: Final = "ltv.partition"
OFFSET: Final = "ltv.offset"
TIMESTAMP: Final = "ltv.timestamp"
TRUNCATED_FROM: Final = "ltv.truncated-from"
"""Only if the value was cut to MAX_PAYLOAD_BYTES: its full length in bytes. The record at the origin has all of it."""
SHA256: Final = "ltv.sha256"
"""Only if the value was cut: the SHA-256 of all of it, in hex."""
KEY_TRUNCATED_FROM: Final = "ltv.key-truncated-from"
KEY_SHA256: Final = "ltv.key-sha256"
"""The same of a key that was cut to MAX_KEY_BYTES."""
HEADERS_TRUNCATED_FROM: Final = "ltv.headers-truncated-from"
HEADERS_SHA256: Final = "ltv.headers-sha256"
"""The same of the event's headers, as they are on the wire, if some of them were left out."""
NULL_HEADERS: Final = "ltv.null-headers"
"""Only if values of the event's headers are null: these headers' numbers, from 0, among the event's headers that the
dead letter has. Clients refuse to write them, so the values are empty bytes."""
WAS_NULL: Final = "ltv.was-null"
"""Only if the record had neither key nor value. Clients refuse to write such a record, so the value is empty bytes."""
LAST_OFFSET: Final = "ltv.last-offset"
RECORDS: Final = "ltv.records"
"""Only of a batch whose records can't be read: its last offset, and how many records it has from the offset on. The
value is the batch as the broker sent it."""
ATTEMPTS: Final = "ltv.attempts"
"""Not of a dead letter but of an event, among its own headers: how often it was redriven, as decimal digits. A dead
letter keeps it."""
DEFAULT_MAX_ATTEMPTS: Final = 3
"""How often an event is redriven at most."""

MAX_PAYLOAD_BYTES: Final = 1_000_000
MAX_KEY_BYTES: Final = 64 * 1024
MAX_HEADERS_BYTES: Final = 64 * 1024
HEADER_OVERHEAD_BYTES: Final = 16
"""What a header counts beside its name and value: there may be very many empty ones."""


class Origin(Struct, frozen=True):
    """The record of an event: topic, partition, offset, and its timestamp in ms since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


Headers = list[tuple[str, bytes]]
RawHeaders = Iterable[tuple[bytes, bytes | None]]


class DeadLetter(NamedTuple):
    """One record for ltv.dead-letters."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    records: int = 1
    """How many records of the events topic it stands for."""

    @property
    def reason(self) -> str:
        """Why the event is invalid."""
        return next(value.decode() for name, value in self.headers if name == REASON)

    @property
    def size_bytes(self) -> int:
        """About how many bytes the record takes."""
        in_headers = sum(len(name) + len(value) for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + in_headers


def dead_letter(
    key: bytes | None,
    value: bytes | None,
    error: InvalidEvent,
    origin: Origin,
    headers: RawHeaders = (),
    headers_on_wire: bytes = b"",
) -> DeadLetter:
    """The dead letter of an invalid event.

    Args:
        key: the record's key.
        value: its value.
        error: why the event is invalid.
        origin: the record.
        headers: its headers. The first MAX_HEADERS_BYTES of them follow ours, but for those whose names are not UTF-8
            or begin with PREFIX; ATTEMPTS is kept.
        headers_on_wire: all its headers as they are on the wire, for their length and digest.
    """
    ours = _reason_headers(error, origin)
    if value is not None and len(value) > MAX_PAYLOAD_BYTES:
        ours += _cut_headers(TRUNCATED_FROM, SHA256, value)
        value = value[:MAX_PAYLOAD_BYTES]
    if key is not None and len(key) > MAX_KEY_BYTES:
        ours += _cut_headers(KEY_TRUNCATED_FROM, KEY_SHA256, key)
        key = key[:MAX_KEY_BYTES]
    if value is None and key is None:
        ours.append((WAS_NULL, b"1"))
        value = b""
    kept, are_all = _kept_headers(headers)
    if not are_all:
        ours += _cut_headers(HEADERS_TRUNCATED_FROM, HEADERS_SHA256, headers_on_wire)
    nulls = ",".join(str(number) for number, (_, content) in enumerate(kept) if content is None)
    if nulls:
        ours.append((NULL_HEADERS, nulls.encode()))
    return DeadLetter(key, value, ours + [(name, content or b"") for name, content in kept])


def dead_batch(
    data: bytes, error: InvalidEvent, origin: Origin, last_offset: int, records: int
) -> DeadLetter:
    """The dead letter of a batch whose records can't be read.

    Args:
        data: the batch as the broker sent it.
        error: why it can't be read.
        origin: its first record that was not read.
        last_offset: its last offset.
        records: how many records were not read.
    """
    of_batch: Headers = [(LAST_OFFSET, str(last_offset).encode()), (RECORDS, str(records).encode())]
    letter = dead_letter(None, data, error, origin)
    return letter._replace(headers=letter.headers + of_batch, records=records)


def _reason_headers(error: InvalidEvent, origin: Origin) -> Headers:
    return [
        (REASON, error.reason.encode()),
        (FIELD, error.field.encode()),
        (ERROR, error.detail.encode()),
        (TOPIC, origin.topic.encode()),
        (PARTITION, str(origin.partition).encode()),
        (OFFSET, str(origin.offset).encode()),
        (TIMESTAMP, str(origin.timestamp_ms).encode()),
    ]


def _cut_headers(length: str, digest: str, whole: bytes) -> Headers:
    return [(length, str(len(whole)).encode()), (digest, sha256(whole).hexdigest().encode())]


def _kept_headers(headers: RawHeaders) -> tuple[list[tuple[str, bytes | None]], bool]:
    """The event's headers that the dead letter has, and whether these are all."""
    kept: list[tuple[str, bytes | None]] = []
    size = 0
    are_all = True
    for name, value in headers:
        size += len(name) + len(value or b"") + HEADER_OVERHEAD_BYTES
        if size > MAX_HEADERS_BYTES:
            return kept, False
        text = _text(name)
        if text is None or (text.startswith(PREFIX) and text != ATTEMPTS):
            are_all = False
        else:
            kept.append((text, value))
    return kept, are_all


def _text(name: bytes) -> str | None:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return None
