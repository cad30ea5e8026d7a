"""Text and JSON from outside, made harmless for a terminal, an error line or a log.

Harmful are control characters (C0, DEL, C1), which a terminal obeys, those that reverse the direction of the text
(bidi), and the line and paragraph separators.
"""

import re
import unicodedata
from typing import Final

_KEPT_MARKS: Final = {"\u200d", "\ufe0f"}
"""Joiners within a visible character; other invisible characters are escaped."""
_HARMFUL_IN_JSON: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
"""All harmful characters but tab and line feed, which are layout in JSON."""


def printable(text: str) -> str:
    r"""The text with every character escaped that is neither visible nor a blank: `\x1b[31m`."""
    if text.isprintable():
        return text
    return "".join(char if _is_visible(char) else _escaped(char) for char in text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines: its line feeds stay."""
    return "\n".join(map(printable, text.split("\n")))


def _is_visible(char: str) -> bool:
    return char.isprintable() or char in _KEPT_MARKS or unicodedata.category(char) == "Zs"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def printable_json(data: bytes) -> bytes:
    r"""JSON with every harmful character as `\u001b`: valid JSON keeps its meaning, for these stand in strings only.

    What is not UTF-8, and so no JSON, is escaped as `\xff`.
    """
    text = data.decode(errors="backslashreplace")
    return _HARMFUL_IN_JSON.sub(_json_escape, text).encode()


def _json_escape(found: re.Match[str]) -> str:
    # A carriage return can't stand in a JSON string: it is layout, like a blank.
    return " " if found[0] == "\r" else f"\\u{ord(found[0]):04x}"
