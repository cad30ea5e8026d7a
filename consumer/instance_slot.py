"""A stable instance id for each of several consumers on one host: the host's name and the first free slot.

A process holds its slot by a file lock, which the operating system releases when the process ends, even by SIGKILL: a
restarted consumer gets its id and its partitions back.
"""

import fcntl
import hashlib
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from contract.errors import Fatal


@contextmanager
def instance_slot(group: str, servers: str) -> Iterator[str]:
    """Hold the first free slot of this consumer group on this host, for this user; yields the instance id.

    Args:
        group: the consumer group; each group has its own slots.
        servers: the cluster's address; each cluster has its own slots.

    Raises:
        Fatal: the folder of the locks belongs to another user, or other users can write to it.
    """
    folder = _lock_folder()
    scope = hashlib.sha256(f"{servers}\n{group}".encode()).hexdigest()[:16]
    for number in count():
        lock = os.open(
            folder / f"{scope}-{number}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            yield f"{socket.gethostname()}-{number}"
        finally:
            os.close(lock)
        return


def _lock_folder() -> Path:
    """A folder that only this user can write to."""
    folder = Path(tempfile.gettempdir()) / f"ltv-instances-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise Fatal(
            f"{folder} is not a folder that only this user can write to; remove it, or give each consumer its own "
            "--instance-id"
        )
    return folder
