"""Dead letters as programs see them: whatever is missing or odd in one stays empty, so each can be shown."""

from base64 import b64encode
from collections.abc import Callable

import msgspec
from msgspec import Struct

from cluster.log_reader import LogReader, Record
from contract import dead_letters as names

NO_LIMIT: int = 1 << 62
"""As a limit: no limit."""


class Letter(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dead letter: why it was set aside, where it was read, what it is."""

    reason: str
    field: str
    error: str
    topic: str
    """The topic where it was read; with partition, offset and timestamp."""
    partition: int | None
    offset: int | None
    timestamp_ms: int | None
    set_aside_ms: int
    """When it became a dead letter, ms since 1970."""
    key: str | None
    key_base64: str | None = None
    """The key where it is not UTF-8; `key` is null then."""
    payload: str | None
    payload_base64: str | None = None
    """The payload where it is not UTF-8; `payload` is null then."""
    truncated_from: int | None = None
    """The payload's full length in bytes where it was too long to carry."""


def letter_of(record: Record) -> Letter:
    """Read the headers. Whatever is missing or odd stays empty: a dead letter must always be showable."""
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


def as_json_line(letter: Letter) -> bytes:
    """One JSON line."""
    return msgspec.json.encode(letter)


def newest_letters(
    reader: LogReader, topic: str, limit: int, keep: Callable[[Letter], bool] = lambda letter: True
) -> list[Letter]:
    """The newest dead letters that `keep` accepts, over all partitions, the newest first."""
    found = [
        record
        for partition in reader.partitions(topic)
        for record in reader.newest(topic, partition, limit, lambda record: keep(letter_of(record)))
    ]
    found.sort(key=lambda record: (record.timestamp, record.partition, record.offset), reverse=True)
    return [letter_of(record) for record in found[:limit]]
