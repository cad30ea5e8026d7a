"""Reads keys and values from the bytes of a record batch (Kafka's documentation, "Record Batch"), in one loop."""

from kafka.errors import CorruptRecordError

Fields = list[bytes | None]


def read_fields(buffer: bytes, at: int, count: int, base_offset: int) -> tuple[Fields, Fields]:
    """The keys and the values of all records of an uncompressed batch.

    Args:
        buffer: the batch.
        at: the index of its first record in `buffer`.
        count: the number of records.
        base_offset: the batch's first offset, for error messages.

    Raises:
        CorruptRecordError: a length points outside the batch or its record.
    """
    keys: Fields = []
    values: Fields = []
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
            # The rest of the record is headers, which are not used.
            if at >= end:
                raise CorruptRecordError(
                    f"a record's fields reach over its end, in the batch at offset {base_offset}"
                )
            at = end
    except IndexError:
        raise CorruptRecordError(f"the batch at offset {base_offset} ends within a record") from None
    if at != len(buffer):
        raise CorruptRecordError(f"the batch at offset {base_offset} does not end with its last record")
    return keys, values


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """A zigzag-encoded whole number, and the index after it."""
    byte = buffer[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    second = buffer[at + 1]
    value = byte & 0x7F | (second & 0x7F) << 7
    at += 2
    shift = 14
    while second >= 0x80:
        second = buffer[at]
        value |= (second & 0x7F) << shift
        at += 1
        shift += 7
    return (value >> 1) ^ -(value & 1), at
