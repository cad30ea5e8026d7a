"""Text from outside, made safe for a terminal, and cut to a width."""

import unicodedata
from typing import Final

from rich.cells import cell_len, set_cell_size

_KEPT_MARKS: Final = {"\u200d", "\ufe0f"}
"""Joiners within a written character; the other invisible ones are shown as escapes."""


def plain(text: str) -> str:
    r"""The text, with whatever is not a visible character or a blank as an escape: `\x1b[31m`."""
    if text.isprintable():
        return text
    return "".join(char if _is_visible(char) else _escaped(char) for char in text)


def _is_visible(char: str) -> bool:
    return char.isprintable() or char in _KEPT_MARKS or unicodedata.category(char) == "Zs"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def cut(text: str, width: int) -> str:
    """At most so many of a terminal's cells, of which wide characters take two; cut text ends with an ellipsis."""
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"
