"""A lock for a thread that takes it again and again, and others that rarely do."""

from threading import Lock


class FairLock:
    """A lock that whoever waits for it gets next, even if its last holder wants it again at once.

    A plain lock would go back to the holder, which has the interpreter at that moment.
    """

    def __init__(self) -> None:
        self._queue = Lock()
        self._lock = Lock()

    def __enter__(self) -> None:
        with self._queue:
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
