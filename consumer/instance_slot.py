"""A stable instance id for each of several consumers on one host: the host's name and the first free slot.

A process holds its slot by a file lock, which the operating system releases when the process ends, even by SIGKILL: a
restarted consumer gets its id and its partitions back.
"""

import fcntl
import hashlib
import os
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from contract.errors import Fatal

WRITABLE_BY_OTHERS: Final = 0o022


@contextmanager
def instance_slot(group: str, servers: str) -> Iterator[str]:
    """Hold the first free slot of this consumer group on this host, for this user; yields the instance id.

    Args:
        group: the consumer group; each group has its own slots.
        servers: the cluster's address; each cluster has its own slots.

    Raises:
        Fatal: the folder of the locks, or a lock in it, is a link, belongs to another user or is writable by others.
    """
    scope = hashlib.sha256(f"{servers}\n{group}".encode()).hexdigest()[:16]
    lock, number = _first_free(_lock_folder(), scope)
    try:
        yield f"{socket.gethostname()}-{number}"
    finally:
        os.close(lock)


def _lock_folder() -> Path:
    return Path(tempfile.gettempdir()) / f"ltv-instances-{os.getuid()}"


def _first_free(folder: Path, scope: str) -> tuple[int, int]:
    """The open lock that this process now holds, and its number."""
    folder_fd = _open_folder(folder)
    try:
        number = 0
        while True:
            lock = _open_lock(folder / f"{scope}-{number}.lock", folder_fd)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                number += 1
            else:
                return lock, number
    finally:
        os.close(folder_fd)


def _open_folder(folder: Path) -> int:
    """Open the folder, which is made if it is not there, and check what was opened: nobody can put another there."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    return _open_own(folder, os.O_RDONLY | os.O_DIRECTORY, None, stat.S_ISDIR)


def _open_lock(lock: Path, folder_fd: int) -> int:
    return _open_own(lock, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, folder_fd, stat.S_ISREG)


def _open_own(path: Path, flags: int, folder_fd: int | None, is_kind: Callable[[int], bool]) -> int:
    """Open a file or folder of this user, to which only this user can write; never through a link."""
    name = path if folder_fd is None else path.name
    try:
        opened = os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder_fd)
    except OSError as error:
        raise _not_ours(path) from error
    found = os.fstat(opened)
    if is_kind(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & WRITABLE_BY_OTHERS:
        return opened
    os.close(opened)
    raise _not_ours(path)


def _not_ours(path: Path) -> Fatal:
    return Fatal(
        f"{path} is a link, or no file or folder that only this user can write to; remove it, or give each consumer "
        "its own --instance-id"
    )
