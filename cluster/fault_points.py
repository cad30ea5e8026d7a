"""Points in a commit or a read at which the fault tests (tests/faults/) kill or stop the process.

With LTV_TEST_FAULT_AT=<point>:<nth>:<signal>, such as before_commit:3:SIGKILL, the process sends itself the signal
when it reaches the point for the nth time. Without the variable a point costs one comparison.
"""

import os
import signal
from typing import Final, Literal

VARIABLE: Final = "LTV_TEST_FAULT_AT"

Point = Literal["send", "before_offsets", "before_commit", "in_flight", "after_commit", "read"]
"""A commit, in order. send: the client has taken a record. before_offsets: the client has taken all records.
before_commit: the offsets are in the transaction. in_flight: the request with the offsets (odd times) or the commit
(even times) has no answer yet. after_commit: the cluster has committed, the process has not noted it yet.
read: before each poll of the changelog, partials or snapshots."""


class _Fault:
    def __init__(self, text: str) -> None:
        self.point, nth, name = text.split(":")
        self.signal = signal.Signals[name]
        self.left = int(nth)


_fault = _Fault(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def fault_point(point: Point) -> None:
    """Note that the process has reached this point; send the signal if it is due."""
    if _fault is not None and _fault.point == point:
        _fault.left -= 1
        if _fault.left == 0:
            os.kill(os.getpid(), _fault.signal)
