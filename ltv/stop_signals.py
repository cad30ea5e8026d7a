"""SIGINT, SIGTERM and SIGHUP ask a command to end: as a flag that a loop looks at, or as one KeyboardInterrupt."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _handled_signals() -> list[signal.Signals]:
    """All of them; not SIGHUP under nohup."""
    under_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in SIGNALS if not (under_nohup and number == signal.SIGHUP)]


class StopFlag:
    """True once a signal has asked for an end, or the process that started this one has gone."""

    def __init__(self) -> None:
        self._came = False
        self._parent = os.getppid()
        for number in _handled_signals():
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True

    def __call__(self) -> bool:
        """Whether it is time to end."""
        return self._came or os.getppid() != self._parent


class StopSignals:
    """The signals as one KeyboardInterrupt, never at a wrong moment, for a command that must clean up after itself."""

    def __init__(self) -> None:
        self._held = False
        self._pending = False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Meanwhile the first of the signals raises KeyboardInterrupt, and those after it do nothing."""
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
        """A signal waits until the block is done: for a step that must not be cut in two."""
        return Held(self)

    @contextmanager
    def ignored_at_the_end(self) -> Iterator[None]:
        """However the block ends, what comes after it (stopping, deleting) is not to be interrupted."""
        try:
            yield
        finally:
            self._ignore()


class Held:
    """A block that signals do not cut in two; it can be entered again and again."""

    def __init__(self, signals: StopSignals) -> None:
        self._signals = signals

    def __enter__(self) -> None:
        self._signals._held = True

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._signals._held = False
        if self._signals._pending and error is None:
            self._signals._stop(signal.SIGINT, None)
