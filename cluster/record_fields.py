"""Reads the fields of records from the bytes of an uncompressed batch (Kafka's documentation, "Record Batch").

The bytes are untrusted: a length may point anywhere.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

MAX_SHIFT: Final = 70
Fields = list[bytes | None]


class RareFields(NamedTuple):
    """The fields of a record that only some records are asked for."""

    timestamp_delta: int
    offset_delta: int
    headers: bytes
    """The number of headers and the headers, as they are on the wire."""


def read_fields(buffer: bytes, at: int, count: int, max_bytes: int) -> tuple[Fields, Fields, int]:
    """The keys and values of the next records.

    Args:
        buffer: the batch.
        at: the index of the first record in `buffer`.
        count: how many records to read.
        max_bytes: stop after the record with which this many bytes are read.

    Returns:
        The keys, the values, and the index after the last record.

    Raises:
        ValueError: a length points outside the buffer or its record.
    """
    keys: Fields = []
    values: Fields = []
    limit, size_bytes = at + max_bytes, len(buffer)
    try:
        for _ in range(count):
            length, at = _varint(buffer, at)
            end = at + length
            at += 1  # The attributes, which Kafka does not use.
            while buffer[at] >= 0x80:  # The timestamp's delta.
                at += 1
            at += 1
            while buffer[at] >= 0x80:  # The offset's delta.
                at += 1
            at += 1
            size, at = _varint(buffer, at)
            if size >= 0:
                keys.append(buffer[at : at + size])
                at += size
            else:
                keys.append(None)
            size, at = _varint(buffer, at)
            if size >= 0:
                values.append(buffer[at : at + size])
                at += size
            else:
                values.append(None)
            # The rest of the record is headers, which are rarely used.
            if at >= end or end > size_bytes:
                raise ValueError("a record's fields reach over its end")
            at = end
            if at >= limit:
                break
    except IndexError:
        raise ValueError("it ends within a record") from None
    return keys, values, at


def read_rare_fields(buffer: bytes, at: int, count: int) -> list[RareFields]:
    """The other fields of `count` records that `read_fields` has read."""
    found: list[RareFields] = []
    for _ in range(count):
        length, at = _varint(buffer, at)
        end = at + length
        timestamp, at = _varint(buffer, at + 1)
        offset, at = _varint(buffer, at)
        for _field in ("key", "value"):
            size, at = _varint(buffer, at)
            at += max(0, size)
        found.append(RareFields(timestamp, offset, buffer[at:end]))
        at = end
    return found


def read_headers(data: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """Names and values of a record's headers, from `RareFields.headers`, up to the first that reaches over its end."""
    at = 0
    try:
        count, at = _varint(data, at)
        for _ in range(count):
            size, at = _varint(data, at)
            name_end = at + max(0, size)
            length, value_at = _varint(data, name_end)
            end = value_at + max(0, length)
            if end > len(data):
                return
            yield data[at:name_end], data[value_at:end] if length >= 0 else None
            at = end
    except IndexError:
        return  # The record ends within a header.


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """A zigzag-encoded whole number, and the index after it. Bits beyond the 77th are dropped."""
    byte = buffer[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    second = buffer[at + 1]
    value = byte & 0x7F | (second & 0x7F) << 7
    at += 2
    shift = 14
    while second >= 0x80:
        second = buffer[at]
        if shift <= MAX_SHIFT:
            value |= (second & 0x7F) << shift
            shift += 7
        at += 1
    return (value >> 1) ^ -(value & 1), at
