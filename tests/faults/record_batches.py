"""Writes record batches by hand (Kafka's documentation, "Record Batch"), with whatever a client library would refuse.

A field may be a `Fill`: one byte, repeated. Batches are packed piece by piece, so a value of 1 GB takes no memory here.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from crc32c import crc32c

PIECE_BYTES: Final = 1 << 20
MAGIC: Final = 2
_AFTER_CHECKSUM: Final = struct.Struct(">hiqqqhii")
"""Attributes, last offset delta, first and last timestamp, producer id, its epoch, first sequence, count."""
IS_TRANSACTIONAL: Final = 0x10


class Fill(NamedTuple):
    """A field that repeats one byte."""

    byte: bytes
    size: int


Field = bytes | Fill | None
Header = tuple[bytes | None, Field]


class RawRecord(NamedTuple):
    """A record to write."""

    key: Field
    value: Field
    valid: bool = False
    headers: Sequence[Header] = ()
    delta_ms: int = 0
    """Its timestamp's distance from that of the batch."""
    encoded: bytes = b""
    """What is written instead, if that is not what the fields say."""


class Codec(NamedTuple):
    """A way to compress: its number in the protocol, and what packs the pieces of a batch's records."""

    number: int
    pack: Callable[[Iterable[bytes]], bytes]


class Producing(NamedTuple):
    """The idempotent producer of a batch; -1 everywhere: none."""

    producer_id: int = -1
    epoch: int = -1
    sequence: int = -1
    is_transactional: bool = False


NOBODY: Final = Producing()


def size_of(field: Field) -> int:
    """A field's length in bytes; 0 for null."""
    if isinstance(field, Fill):
        return field.size
    return len(field or b"")


@cache
def whole_of(fill: Fill) -> bytes:
    """All of a repeated byte; kept, for many records may have the same."""
    return fill.byte * fill.size


def varint(number: int, width: int = 1) -> bytes:
    """A zigzag-encoded number of up to 64 bits, in at least `width` bytes: more than it needs are legal, too."""
    left = (number << 1) ^ (number >> 63)
    encoded = bytearray()
    while left >= 0x80 or len(encoded) < width - 1:
        encoded.append(left & 0x7F | 0x80)
        left >>= 7
    encoded.append(left)
    return bytes(encoded)


def record_pieces(record: RawRecord, offset_delta: int, width: int = 1) -> Iterator[bytes]:
    """The bytes of a record, in pieces; its numbers take at least `width` bytes each."""
    if record.encoded:
        yield record.encoded
        return
    body = [b"\0", varint(record.delta_ms, width), varint(offset_delta, width)]
    parts: list[tuple[bytes, Field]] = [(b"".join(body), None)]
    for field in (record.key, record.value):
        parts.append((_length(field, width), field))
    parts.append((varint(len(record.headers), width), None))
    for name, value in record.headers:
        parts.append((_length(name, width), name))
        parts.append((_length(value, width), value))
    yield varint(sum(len(prefix) + size_of(field) for prefix, field in parts), width)
    for prefix, field in parts:
        yield prefix
        yield from _pieces(field)


def _length(field: Field, width: int) -> bytes:
    return varint(-1 if field is None else size_of(field), width)


def _pieces(field: Field) -> Iterator[bytes]:
    if isinstance(field, Fill):
        whole, rest = divmod(field.size, PIECE_BYTES)
        piece = field.byte * PIECE_BYTES
        for _ in range(whole):
            yield piece
        yield field.byte * rest
    elif field:
        yield field


def record_batch(
    records: Sequence[RawRecord],
    codec: Codec,
    *,
    timestamp_ms: int = 0,
    count: int | None = None,
    width: int = 1,
    producing: Producing = NOBODY,
) -> bytes:
    """A batch for a produce request: its base offset is 0, the broker sets the real one.

    Args:
        records: one at least.
        codec: how the records are compressed.
        timestamp_ms: the batch's first timestamp.
        count: the number of records that the batch claims; None: the true one.
        width: the least number of bytes of each varint.
        producing: the producer, if it is idempotent.
    """
    pieces = (piece for i, record in enumerate(records) for piece in record_pieces(record, i, width))
    last_ms = timestamp_ms + max(record.delta_ms for record in records)
    after_checksum = _AFTER_CHECKSUM.pack(
        codec.number | (IS_TRANSACTIONAL if producing.is_transactional else 0),
        len(records) - 1,
        timestamp_ms,
        last_ms,
        producing.producer_id,
        producing.epoch,
        producing.sequence,
        len(records) if count is None else count,
    )
    after_checksum += codec.pack(pieces)
    after_length = struct.pack(">ibI", -1, MAGIC, crc32c(after_checksum)) + after_checksum
    return struct.pack(">qi", 0, len(after_length)) + after_length


def unpacked_bytes(records: Iterable[RawRecord]) -> int:
    """The size of these records without compression, without the numbers beside keys, values and headers."""
    return sum(
        size_of(record.key)
        + size_of(record.value)
        + sum(size_of(name) + size_of(value) for name, value in record.headers)
        for record in records
    )
