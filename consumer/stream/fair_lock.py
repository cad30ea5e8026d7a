"""A lock for a thread that takes it again and again, and others that rarely do."""

from threading import Lock


class FairLock:
    """A lock that a waiting thread gets next, even if the last holder asks for it again at once.

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
