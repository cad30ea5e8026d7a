"""A file that replaces another one when it is written whole, and not before."""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

_DEVICE_FOLDERS: Final = ("/dev/", "/proc/")
"""A path under these is written in place, even if it leads to a regular file: /dev/stdout, /dev/fd/3."""


@contextmanager
def replacement(path: str) -> Iterator[IO[bytes]]:
    """A file to write to; it appears at `path` when the block ends without an error, otherwise `path` stays unchanged.

    A regular file is written under a temporary name in the same folder and renamed. A symbolic link stays; its target
    is replaced. The mode is the old file's, or the default. Anything else (a pipe, a device, a loop of links) is opened
    in place.

    Raises:
        OSError: the file can't be written.
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
                _copy_owner_and_mode(old, file.fileno())
            yield file
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _copy_owner_and_mode(old: os.stat_result, file: int) -> None:
    if os.geteuid() == 0:  # A file that root creates would belong to root.
        os.chown(file, old.st_uid, old.st_gid)
    os.chmod(file, stat.S_IMODE(old.st_mode))
