"""Deadlines: for loops that wait, and for calls that take no timeout."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from contract.errors import Retriable

_Answer = TypeVar("_Answer")


class Deadline:
    """The moment at which waiting ends."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._at - time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self._at


def answer_within(seconds: float, call: Callable[[], _Answer], doing: str) -> _Answer:
    """Run a call that takes no timeout, and return its answer; the thread of a call that hangs keeps running.

    Raises:
        Retriable: the call gave no answer within `seconds`.
        Exception: the call raised it.
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
