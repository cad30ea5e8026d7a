"""A dead letter as text for a terminal. Its bytes are untrusted: control characters are escaped."""

from base64 import b64decode
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from rich.cells import cell_len
from rich.text import Text

from contract.errors import counted
from contract.printable import printable
from ltv.console.text import cut
from subscriber.letters import Letter, LetterHeader, WholeLetter

KEY_WIDTH: Final = 40
MIN_PAYLOAD_WIDTH: Final = 8
LOOKED_AT_CHARS: Final = 10_000
"""More than a terminal is wide: escaping and measuring a payload of a megabyte takes as long as fetching it."""
INDENT: Final = "  "
BAR_CHARS: Final = 20
NO_REASON: Final = "unknown reason"


def letter_text(letter: Letter, width: int) -> Text:
    """Three lines: where and when; why; key and payload. Only the last is cut to `width` cells of a terminal."""
    text = Text()
    text.append(printable(letter.reason) or NO_REASON, style="bold red")
    text.append(f"  {_place(letter)}", style="bold")
    text.append(
        f"  written {_time(letter.timestamp_ms)}, set aside {_time(letter.set_aside_ms)}\n", style="dim"
    )
    why = f"{letter.field}: {letter.error}" if letter.field else letter.error
    text.append(f"{INDENT}{printable(why)}\n" if why else "")
    key = cut(_content(letter.key, letter.key_base64, none="no key"), min(KEY_WIDTH, width // 3))
    full = f" ({counted(letter.truncated_from, 'byte')} in full)" if letter.truncated_from else ""
    room = max(MIN_PAYLOAD_WIDTH, width - cell_len(f"{INDENT}{key}  {full}"))
    payload = cut(_content(letter.payload, letter.payload_base64, none="no payload"), room)
    text.append(f"{INDENT}{key}  ", style="cyan")
    text.append(payload + full)
    return text


def whole_letter_text(whole: WholeLetter) -> Text:
    """A whole letter: where and why, every header on its line, the key, and the payload, which is not cut."""
    letter = whole.letter
    text = Text()
    text.append(printable(letter.reason) or NO_REASON, style="bold red")
    text.append(f"  {_place(letter)}\n", "bold")
    text.append(f"written {_time(letter.timestamp_ms)}, set aside {_time(letter.set_aside_ms)}\n\n", "dim")
    text.append("headers\n", style="bold")
    for header in whole.headers:
        text.append(f"{INDENT}{printable(header.name)}: ", style="cyan")
        text.append(f"{_header_value(header)}\n")
    text.append("\nkey\n", style="bold")
    text.append(f"{INDENT}{_whole_content(letter.key, letter.key_base64, none='no key')}\n")
    text.append("\npayload\n", style="bold")
    text.append(f"{INDENT}{_whole_content(letter.payload, letter.payload_base64, none='no payload')}")
    return text


def _place(letter: Letter) -> str:
    """Where the event was read, as `show` takes it, and the topic."""
    return f"{_shown(letter.partition)}:{_shown(letter.offset)} of {printable(letter.topic)}"


def _header_value(header: LetterHeader) -> str:
    return _whole_content(header.value, header.value_base64, none="no value")


def _whole_content(text: str | None, base64: str | None, *, none: str) -> str:
    if base64 is not None:
        text = b64decode(base64).decode(errors="backslashreplace")
    return f"({none})" if text is None else printable(text) or '""'


def _content(text: str | None, base64: str | None, *, none: str) -> str:
    return _whole_content(
        text[:LOOKED_AT_CHARS] if text else text, base64 and base64[:LOOKED_AT_CHARS], none=none
    )


def _shown(number: int | None) -> str:
    return "?" if number is None else str(number)


def _time(ms: int | None) -> str:
    """Milliseconds since 1970 as a time; a number outside the range of times is shown as it is."""
    if ms is None:
        return "?"
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"at {ms} ms"


def summary(shown: Counter[str], topic: str, *, limited: bool) -> str:
    """How many dead letters are shown, by reason."""
    if not shown:
        return f"no dead letters on {topic}: no event was invalid, or the topic's retention has deleted them"
    which = f"the newest {shown.total():,}" if limited else f"all {shown.total():,}"
    return f"{which} on {topic}: {_by_reason(shown)}"


def no_letter_of_reason(reason: str, topic: str, others: Counter[str]) -> str:
    """The text for a reason without dead letters: how many other letters there are, by reason."""
    if not others:
        return summary(Counter(), topic, limited=False)
    return f"no dead letter with reason {reason} on {topic}; {counted(others.total(), 'other')}: {_by_reason(others)}"


def histogram_lines(numbers: Mapping[str, int]) -> list[str]:
    """One line for each reason, the most frequent first, with a bar."""
    most = max(numbers.values(), default=1)
    return [
        f"{INDENT}{number:>9,}  {printable(reason) or NO_REASON:<17}  {'#' * -(-BAR_CHARS * number // most)}"
        for reason, number in sorted(numbers.items(), key=lambda each: -each[1])
    ]


def _by_reason(numbers: Counter[str]) -> str:
    return ", ".join(
        f"{printable(reason) or NO_REASON} {number:,}" for reason, number in numbers.most_common()
    )
