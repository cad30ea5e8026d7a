"""Deadlines: one clock for loops that wait, and a limit for calls that take none."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from contract.errors import Retriable

_Answer = TypeVar("_Answer")


class Deadline:
    """A moment after which waiting ends."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds that are left; never negative."""
        return max(0.0, self._at - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether nothing is left."""
        return time.monotonic() >= self._at


def answer_within(seconds: float, call: Callable[[], _Answer], doing: str) -> _Answer:
    """The answer of a call that takes no timeout of its own; the thread of a call that hangs is left behind.

    Raises:
        Retriable: no answer within so many seconds.
        Exception: what the call raised.
    """
    answer: Future[_Answer] = Future()

    def ask() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    Thread(target=ask, daemon=True, name=doing).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        raise Retriable(f"{doing}: no answer from Kafka within {seconds:.0f} s") from None
