"""Exit codes beyond done (0), not done (1) and wrong usage (2)."""

from typing import Final

import typer

INVALID: Final = 3
"""Events were invalid: all of them, or any with --strict."""
STOPPED: Final = 130
"""Ctrl-C, or another signal that asks for an end."""


def exit_where_invalid(*, invalid: int, valid: int, strict: bool) -> None:
    """End with INVALID where every event was invalid; strictly, where any was.

    Raises:
        typer.Exit: so it was.
    """
    if invalid and (strict or not valid):
        raise typer.Exit(INVALID)
