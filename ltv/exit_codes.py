"""Exit codes other than done (0), failed (1) and wrong usage (2)."""

from typing import Final

import typer

INVALID: Final = 3
"""All events were invalid; with --strict, any."""
UNVERIFIABLE: Final = 4
"""`ltv verify`: events that the snapshot counts are deleted, so nothing can be said about its figures."""
STOPPED: Final = 130
"""Ctrl-C, or another signal that stops the command."""


def exit_where_invalid(*, invalid: int, valid: int, strict: bool) -> None:
    """Exit with INVALID if every event was invalid; if `strict`, if any was.

    Raises:
        typer.Exit: with INVALID.
    """
    if invalid and (strict or not valid):
        raise typer.Exit(INVALID)
