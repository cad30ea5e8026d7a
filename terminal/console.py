"""What is shown to people: text from outside never acts on the terminal, and colours appear only on one."""

import unicodedata
from typing import Final

from rich.console import Console

PIPED_WIDTH: Final = 200
"""Columns where there is no terminal to ask: wide enough that no table is cut."""

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
    """At most so many characters; where some were left off, it ends with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


def output() -> Console:
    """Standard output, for results."""
    return _console(stderr=False)


def notes() -> Console:
    """Standard error, for all that is said about the work."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # Neither markup nor emoji codes nor highlighting: what is printed is what it says.
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=PIPED_WIDTH)
    return console
