"""Slows down an address that sends wrong tokens to the login form: each further one must wait longer."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

FREE_FAILURES: Final = 5
"""Wrong tokens that an address may send without waiting."""
FIRST_WAIT_S: Final = 1.0
MAX_WAIT_S: Final = 60.0
MAX_ADDRESSES: Final = 1_000
"""Of more addresses with wrong tokens, those that failed longest ago are forgotten."""


class LoginPace:
    """Counts wrong tokens by address."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Address -> its wrong tokens since its last right one, and when it may send the next; the latest is last."""

    def wait_s(self, address: str) -> float:
        """For how many seconds no token of this address is looked at; 0: it may send one now."""
        _, until = self._failures.get(address, (0, 0.0))
        return max(0.0, until - self._clock())

    def failed(self, address: str) -> None:
        """Note a wrong token."""
        number = self._failures.pop(address, (0, 0.0))[0] + 1
        doublings = number - FREE_FAILURES
        wait_s = min(MAX_WAIT_S, FIRST_WAIT_S * 2 ** min(doublings, 10)) if doublings >= 0 else 0.0
        self._failures[address] = (number, self._clock() + wait_s)
        if len(self._failures) > MAX_ADDRESSES:
            self._failures.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Note the right token."""
        self._failures.pop(address, None)
