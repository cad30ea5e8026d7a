"""A dead letter as people and programs see it. Its bytes are foreign: they must not act on a terminal."""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from rich.text import Text

from contract import dead_letters as names
from terminal.console import cut, plain

if TYPE_CHECKING:
    from consumer.stream.reader import Record

KEY_WIDTH: Final = 40
MIN_PAYLOAD_WIDTH: Final = 40
INDENT: Final = "  "


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


def letter_of(record: "Record") -> Letter:
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


def as_json(letter: Letter) -> bytes:
    """One JSON line."""
    return msgspec.json.encode(letter)


def describe(letter: Letter, width: int) -> Text:
    """Three lines: where and when; why; what."""
    text = Text()
    where = f"{letter.topic}-{_shown(letter.partition)} offset {_shown(letter.offset)}"
    text.append(plain(letter.reason) or "unknown reason", style="bold red")
    text.append(f"  {plain(where)}", style="bold")
    text.append(
        f"  written {_time(letter.timestamp_ms)}, set aside {_time(letter.set_aside_ms)}\n", style="dim"
    )
    why = f"{letter.field}: {letter.error}" if letter.field else letter.error
    text.append(f"{INDENT}{plain(why)}\n" if why else "")
    key = cut(_content(letter.key, letter.key_base64, none="no key"), KEY_WIDTH)
    full = f" ({letter.truncated_from:,} bytes in full)" if letter.truncated_from else ""
    room = max(MIN_PAYLOAD_WIDTH, width - len(INDENT) - len(key) - len(full) - 2)
    payload = cut(_content(letter.payload, letter.payload_base64, none="no payload"), room)
    text.append(f"{INDENT}{key}  ", style="cyan")
    text.append(payload + full)
    return text


def _content(text: str | None, base64: str | None, *, none: str) -> str:
    if base64 is not None:
        text = b64decode(base64).decode(errors="backslashreplace")
    return f"({none})" if text is None else plain(text) or '""'


def _shown(number: int | None) -> str:
    return "?" if number is None else str(number)


def _time(ms: int | None) -> str:
    """Milliseconds since 1970 as a time; a producer may have written any number there."""
    if ms is None:
        return "?"
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"at {ms} ms"


def counts(letters: Sequence[Letter], topic: str, *, limited: bool) -> str:
    """How many of each reason are shown."""
    if not letters:
        return f"no dead letters on {topic}"
    by_reason = Counter(plain(letter.reason) or "unknown reason" for letter in letters).most_common()
    which = f"the newest {len(letters):,}" if limited else f"all {len(letters):,}"
    return f"{which} on {topic}: " + ", ".join(f"{reason} {count:,}" for reason, count in by_reason)
