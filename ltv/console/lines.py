"""Lines of plain text on the standard streams. Their text may come from outside: it is escaped."""

import sys

from contract.printable import printable, printable_lines


def print_line(text: str) -> None:
    """One line of a result, on standard output."""
    print(printable(text), flush=True)


def say(text: str, end: str = "\n") -> None:
    """One line of a message, or with another `end` its beginning, on standard error.

    A terminal gets it broken between words; elsewhere it stays one line.
    """
    if sys.stderr.isatty():
        from ltv.console.consoles import stderr_console

        stderr_console().print(printable(text), end=end)
    else:
        print(printable(text), end=end, file=sys.stderr, flush=True)


def print_rows(text: str) -> None:
    """Whole lines for a program, on standard output: escaped only where that is a terminal."""
    print(printable_lines(text) if sys.stdout.isatty() else text, end="", flush=True)
