"""A file that takes the place of another one when it is whole, and not before."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

_DEVICE_FOLDERS: Final = ("/dev/", "/proc/")
"""What is named here is written as it is, even where it leads to a regular file: /dev/stdout, /dev/fd/3."""


@contextmanager
def replacement(path: str) -> Iterator[IO[bytes]]:
    """A file to write to, which is at `path` once the block has ended well; else `path` stays as it was.

    A regular file is written beside its place and renamed; a symbolic link stays, and what it names is replaced; the
    mode is the old file's, or the usual one. Anything else (a pipe, a device, a loop of links) is opened as it is.

    Raises:
        OSError: it can't be written.
    """
    target = Path(os.path.realpath(path))
    old = target.stat() if target.exists() else None
    if path.startswith(_DEVICE_FOLDERS) or target.is_symlink() or (old and not stat.S_ISREG(old.st_mode)):
        with Path(path).open("wb") as file:
            yield file
        return
    if old and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    temporary = target.parent / f".ltv-{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            if old:
                _make_like(old, file.fileno())
            yield file
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _make_like(old: os.stat_result, file: int) -> None:
    if os.geteuid() == 0:  # Root's files would be root's.
        os.chown(file, old.st_uid, old.st_gid)
    os.chmod(file, stat.S_IMODE(old.st_mode))
