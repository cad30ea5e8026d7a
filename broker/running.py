"""Which process has started the broker of a port: for stopping it from another terminal.

The starter holds the lock of a file that has its process id. The lock ends with the process, however it ends, so a
process id of a past broker is never taken for a running one.
"""

import fcntl
import os
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from broker.private_files import make_private_folder, open_private
from contract.errors import Fatal, Retriable

STOPPED_WITHIN_S: Final = 60.0
POLL_S: Final = 0.05


def brokers_folder() -> Path:
    """The folder of this user's files, which only this user can change.

    Raises:
        Fatal: something of another user is in its place.
    """
    folder = Path(tempfile.gettempdir()) / f"ltv-brokers-{os.getuid()}"
    make_private_folder(folder)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise Fatal(f"{folder} is not a folder that only this user can change: remove it")
    return folder


@contextmanager
def noted_as_running(port: int, folder: Path) -> Iterator[None]:
    """In this block, this process can be found as the one that has started the broker of the port."""
    with open_private(folder / str(port), "a") as file:
        if not _takes_lock(file):
            raise Fatal(
                f"another `ltv broker start` has port {port}: stop it with `ltv broker stop --port {port}`"
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def stop_broker_of(port: int, folder: Path) -> None:
    """Stop the broker that this user has started on the port, and wait until it has ended; its data stays.

    Raises:
        Fatal: there is none.
        Retriable: it does not end in time.
    """
    try:
        file = (folder / str(port)).open("r+")
    except FileNotFoundError:
        raise _none_runs(port) from None
    with file:
        if _takes_lock(file):
            raise _none_runs(port)
        digits = file.read()
        if not digits.isdecimal():
            raise Retriable(f"the broker of port {port} begins or ends just now: try again")
        os.kill(int(digits), signal.SIGTERM)
        deadline = time.monotonic() + STOPPED_WITHIN_S
        while not _takes_lock(file):
            if time.monotonic() > deadline:
                raise Retriable(f"the broker of port {port} does not end within {STOPPED_WITHIN_S:.0f} s")
            time.sleep(POLL_S)


def _takes_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _none_runs(port: int) -> Fatal:
    return Fatal(
        f"no `ltv broker start` of this user runs on port {port}; brokers that other programs have started are left"
    )
