"""Points in a commit or a read at which the fault tests (tests/faults/) have the process die or stop, to the line.

LTV_TEST_FAULT_AT=<point>:<nth>:<signal>, such as before_commit:3:SIGKILL, sends this process the signal when it
comes to the point for the nth time. Without the variable a point is one comparison.
"""

import os
import signal
from typing import Final, Literal

VARIABLE: Final = "LTV_TEST_FAULT_AT"

Point = Literal["send", "before_offsets", "before_commit", "in_flight", "after_commit", "read"]
"""A record is handed over; all are, and the offsets come next; the offsets are in the transaction; the offsets (odd
times) or the commit (even times) are on their way; it is committed, and nobody has noticed yet. Or: records of the
changelog, of partials or snapshots are about to be read."""


class _Fault:
    def __init__(self, text: str) -> None:
        self.point, nth, name = text.split(":")
        self.signal = signal.Signals[name]
        self.left = int(nth)


_fault = _Fault(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def fault_point(point: Point) -> None:
    """The process has come to this point."""
    if _fault is not None and _fault.point == point:
        _fault.left -= 1
        if _fault.left == 0:
            os.kill(os.getpid(), _fault.signal)
