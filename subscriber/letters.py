"""Dead letters as structs: a missing or malformed header becomes an empty field, so every letter can be shown."""

import heapq
from base64 import b64encode
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from cluster.fetched import Record
from cluster.log_reader import LogReader
from contract import dead_letters as names


class Letter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dead letter: why the event is invalid, where it was read, and its bytes."""

    reason: str
    field: str
    error: str
    topic: str
    """The topic of the invalid event; partition, offset and timestamp_ms are those of its record."""
    partition: int | None
    offset: int | None
    timestamp_ms: int | None
    set_aside_ms: int
    """When the consumer wrote the dead letter, ms since 1970."""
    key: str | None
    key_base64: str | None = None
    """The key if it is not UTF-8; `key` is null then."""
    payload: str | None
    payload_base64: str | None = None
    """The payload if it is not UTF-8; `payload` is null then."""
    truncated_from: int | None = None
    """The full length in bytes of a payload that was truncated."""
    key_truncated_from: int | None = None
    """The full length in bytes of a key that was truncated."""
    last_offset: int | None = None
    """Of a batch whose records can't be read: the offset of its last one. The payload is the batch."""
    records: int | None = None
    """Of such a batch: how many records the letter stands for."""


class LetterHeader(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One header of a dead letter's record."""

    name: str
    value: str | None
    value_base64: str | None = None
    """The value if it is not UTF-8; `value` is null then."""


class WholeLetter(Struct, frozen=True, kw_only=True):
    """A dead letter with all its headers: first those that say why the event is invalid, then the event's own."""

    letter: Letter
    headers: list[LetterHeader]


def letter_of(record: Record) -> Letter:
    """The dead letter of a record; a missing or malformed header becomes an empty field or None."""
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    key, key_base64 = _text_or_base64(record.key)
    payload, payload_base64 = _text_or_base64(record.value)
    return Letter(
        reason=headers.get(names.REASON, ""),
        field=headers.get(names.FIELD, ""),
        error=headers.get(names.ERROR, ""),
        topic=headers.get(names.TOPIC, ""),
        partition=_number(headers, names.PARTITION),
        offset=_number(headers, names.OFFSET),
        timestamp_ms=_number(headers, names.TIMESTAMP),
        set_aside_ms=record.timestamp,
        key=key,
        key_base64=key_base64,
        payload=payload,
        payload_base64=payload_base64,
        truncated_from=_number(headers, names.TRUNCATED_FROM),
        key_truncated_from=_number(headers, names.KEY_TRUNCATED_FROM),
        last_offset=_number(headers, names.LAST_OFFSET),
        records=_number(headers, names.RECORDS),
    )


def _number(headers: dict[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None


def _text_or_base64(data: bytes | None) -> tuple[str | None, str | None]:
    if data is None:
        return None, None
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return None, b64encode(data).decode()


def whole_letter_of(record: Record) -> WholeLetter:
    """The dead letter of a record, with all its headers."""
    headers = []
    for name, content in record.headers:
        value, value_base64 = _text_or_base64(content)
        headers.append(LetterHeader(name=name, value=value, value_base64=value_base64))
    return WholeLetter(letter=letter_of(record), headers=headers)


def newest_letter_of(reader: LogReader, topic: str, partition: int, offset: int) -> Record | None:
    """The newest dead letter of the event that was read at this offset of the events topic; None if there is none."""
    if partition not in reader.partitions(topic):
        return None
    wanted = (str(partition).encode(), str(offset).encode())
    for record in reader.newest_first(topic, partition):
        headers = dict(record.headers)
        if (headers.get(names.PARTITION), headers.get(names.OFFSET)) == wanted:
            return record
    return None


def as_json_line(letter: Letter | WholeLetter) -> bytes:
    """The letter as JSON, without a line end."""
    return msgspec.json.encode(letter)


def newest_letters(
    reader: LogReader, topic: str, is_wanted: Callable[[str], bool] = lambda reason: True
) -> Iterator[Letter]:
    """Yield the dead letters of all partitions whose reasons are wanted, newest first; holds only few in memory."""
    partitions = [
        filter(lambda record: is_wanted(_reason_of(record)), reader.newest_first(topic, partition))
        for partition in reader.partitions(topic)
    ]
    merged = heapq.merge(
        *partitions, key=lambda each: (each.timestamp, each.partition, each.offset), reverse=True
    )
    return map(letter_of, merged)


def _reason_of(record: Record) -> str:
    """The reason in the record's headers; "" if there is none."""
    return (dict(record.headers).get(names.REASON) or b"").decode(errors="replace")
