"""SIGINT, SIGTERM and SIGHUP stop a command: by a flag that a loop checks, or by one KeyboardInterrupt."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _handled_signals() -> list[signal.Signals]:
    """All of SIGNALS; under nohup without SIGHUP."""
    under_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in SIGNALS if not (under_nohup and number == signal.SIGHUP)]


class StopFlag:
    """True after a signal, or after the end of the process that started this one."""

    def __init__(self) -> None:
        self._came = False
        self._parent = os.getppid()
        for number in _handled_signals():
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True

    def __call__(self) -> bool:
        """Whether the process should stop."""
        return self._came or os.getppid() != self._parent


class StopSignals:
    """Turns the signals into one KeyboardInterrupt, which never interrupts a held step or the clean-up."""

    def __init__(self) -> None:
        self._held = False
        self._pending = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """In this block the first signal raises KeyboardInterrupt; later signals do nothing."""
        before = {number: signal.signal(number, self._stop) for number in _handled_signals()}
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

    def held(self) -> "Held":
        """A block that no signal interrupts: a signal takes effect at its end."""
        return Held(self)

    @contextmanager
    def ignored_at_the_end(self) -> Iterator[None]:
        """After this block, also if it fails, ignore the signals: nothing interrupts the clean-up."""
        try:
            yield
        finally:
            self._ignore()


class Held:
    """A block that no signal interrupts; it can be entered any number of times."""

    def __init__(self, signals: StopSignals) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        self._signals._held = True

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._signals._held = False
        if self._signals._pending and error is None:
            self._signals._stop(signal.SIGINT, None)
