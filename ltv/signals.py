"""SIGTERM and SIGHUP end a command as Ctrl-C does: KeyboardInterrupt, once, never at a wrong moment."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """The signals that ask for an end, for a command that has something to put in order first."""

    def __init__(self) -> None:
        self._held = False
        self._pending = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Meanwhile the first of the signals raises KeyboardInterrupt, and those after it do nothing."""
        before = {number: signal.signal(number, self._stop) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._held:
            self._pending = True
        else:
            self._ignore()
            raise KeyboardInterrupt

    def _ignore(self) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A signal waits until the block is done: for a step that must not be cut in two."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._pending:
            self._stop(signal.SIGINT, None)

    @contextmanager
    def ignored_at_the_end(self) -> Iterator[None]:
        """However the block ends, what comes after it (stopping, deleting) is not to be interrupted."""
        try:
            yield
        finally:
            self._ignore()
