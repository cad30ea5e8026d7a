"""Rich consoles of the commands: results go to standard output, messages to standard error."""

from collections.abc import Iterable
from typing import Final

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from contract.printable import printable_lines

PIPED_WIDTH: Final = 200
"""Columns of output that is not a terminal: wide enough that no table is cut."""


class PrintableConsole(Console):
    """A console that escapes what a terminal would obey in any text; Rich's own control codes are no text."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of anything that can be printed."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable_lines(segment.text))


def stdout_console() -> Console:
    """Standard output, for results."""
    return _console(stderr=False)


def stderr_console() -> Console:
    """Standard error, for messages."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    # Without markup, emoji codes and highlighting, text is printed unchanged.
    console = PrintableConsole(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = PrintableConsole(
            stderr=stderr, markup=False, emoji=False, highlight=False, width=PIPED_WIDTH
        )
    return console
