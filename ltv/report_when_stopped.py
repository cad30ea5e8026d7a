"""A command that a signal stops reports in one line how far it got."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from ltv.console.lines import say
from ltv.exit_codes import STOPPED
from ltv.stop_signals import StopSignals


@contextmanager
def report_when_stopped(progress: Callable[[], str]) -> Iterator[StopSignals]:
    """If a signal stops the block, print "stopped: " and `progress()` after the block has cleaned up.

    Raises:
        typer.Exit: with STOPPED, after a signal.
    """
    signals = StopSignals()
    with signals.watched():
        try:
            yield signals
        except KeyboardInterrupt:
            say(f"stopped: {progress()}")
            raise typer.Exit(STOPPED) from None
