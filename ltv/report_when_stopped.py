"""A command that a signal ends says in one line what it had done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from ltv.console.consoles import stderr_console
from ltv.console.text import plain
from ltv.exit_codes import STOPPED
from ltv.stop_signals import StopSignals


@contextmanager
def report_when_stopped(done: Callable[[], str]) -> Iterator[StopSignals]:
    """Where a signal ends the block, say what was done, once the block has cleaned up.

    Raises:
        typer.Exit: with STOPPED.
    """
    signals = StopSignals()
    with signals.watched():
        try:
            yield signals
        except KeyboardInterrupt:
            stderr_console().print(plain(f"stopped: {done()}"), soft_wrap=True)
            raise typer.Exit(STOPPED) from None
