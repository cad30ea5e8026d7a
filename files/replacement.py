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
    mode is the old file's, or the usual one. Anything else (a pipe, a device) is written directly.

    Raises:
        OSError: it can't be written.
    """
    target = Path(os.path.realpath(path))
    mode = target.stat().st_mode if target.exists() else None
    if path.startswith(_DEVICE_FOLDERS) or (mode is not None and not stat.S_ISREG(mode)):
        with Path(path).open("wb") as file:
            yield file
        return
    if mode is not None and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    temporary = target.parent / f".ltv-{secrets.token_hex(8)}.tmp"
    try:
        with temporary.open("xb") as file:
            if mode is not None:
                os.chmod(file.fileno(), stat.S_IMODE(mode))
            yield file
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
