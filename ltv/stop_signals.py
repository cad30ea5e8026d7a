"""SIGINT, SIGTERM and SIGHUP stop a command: by a flag that a loop checks, or by one KeyboardInterrupt."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_WITHIN_S: Final = 6.0
"""Docker, the least patient of those who stop processes, kills after 10 s."""


def _handled_signals() -> list[signal.Signals]:
    """All of SIGNALS; under nohup without SIGHUP."""
    under_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in SIGNALS if not (under_nohup and number == signal.SIGHUP)]


class StopFlag:
    """True after a signal, or after the end of the process that started this one.

    Calls to a Kafka that does not answer last longer than those who stop a process wait, and nothing interrupts them.
    So a process that still runs `within_s` after the first signal is ended.
    """

    def __init__(self, overdue: Callable[[], int], within_s: float = STOP_WITHIN_S) -> None:
        """Handle the signals; only the main thread may.

        Args:
            overdue: says, in another thread, what was left undone, and returns the exit code.
            within_s: how long the process may run after the first signal.
        """
        self._came = False
        self._parent = os.getppid()
        self._overdue, self._within_s = overdue, within_s
        # Python tells the main thread of a signal when its present call ends, this socket at once.
        self._signalled, self._signals = socket.socketpair()
        self._signals.setblocking(False)
        signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)
        Thread(target=self._end_when_overdue, daemon=True, name="stop deadline").start()
        for number in _handled_signals():
            signal.signal(number, self._note)

    def _end_when_overdue(self) -> None:
        while self._signalled.recv(1)[0] not in SIGNALS:
            pass
        time.sleep(self._within_s)
        os._exit(self._overdue())

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
