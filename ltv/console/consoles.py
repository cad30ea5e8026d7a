"""Rich consoles of the commands: results go to standard output, messages to standard error."""

from typing import Final

from rich.console import Console

PIPED_WIDTH: Final = 200
"""Columns of output that is not a terminal: wide enough that no table is cut."""


def stdout_console() -> Console:
    """Standard output, for results."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """Standard error, for messages."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # Without markup, emoji codes and highlighting, text is printed unchanged.
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=PIPED_WIDTH)
    return console
