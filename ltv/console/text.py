"""Make untrusted text safe for a terminal, and cut it to a width."""

import unicodedata
from typing import Final

from rich.cells import cell_len, set_cell_size

_KEPT_MARKS: Final = {"\u200d", "\ufe0f"}
"""Joiners within a visible character; other invisible characters are escaped."""


def plain(text: str) -> str:
    r"""The text with every character escaped that is neither visible nor a blank: `\x1b[31m`."""
    if text.isprintable():
        return text
    return "".join(char if _is_visible(char) else _escaped(char) for char in text)


def _is_visible(char: str) -> bool:
    return char.isprintable() or char in _KEPT_MARKS or unicodedata.category(char) == "Zs"


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def cut(text: str, width: int) -> str:
    """The text cut to `width` terminal cells (a wide character takes two); cut text ends with an ellipsis."""
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"
