"""Where commands write: results to standard output, all that is said about the work to standard error."""

from typing import Final

from rich.console import Console

PIPED_WIDTH: Final = 200
"""Columns where there is no terminal to ask: wide enough that no table is cut."""


def stdout_console() -> Console:
    """Standard output, for results."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """Standard error, for all that is said about the work."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # Neither markup nor emoji codes nor highlighting: what is printed is what it says.
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=PIPED_WIDTH)
    return console
