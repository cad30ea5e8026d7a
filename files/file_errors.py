"""Errors of a file as one line: the file's name, the cause, what to do."""

import errno
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from contract.errors import Fatal, LtvError

_REMEDIES: Final = {
    errno.EISDIR: "; name a file in it",
    errno.EACCES: "; allow this user to open it and to write its folder, or name another file",
    errno.EBUSY: "; a mount point can't be replaced: name another file",
    errno.ENOSPC: "; make room, or name a file on another disk, and run again",
    errno.EIO: "; check the disk",
    errno.EBADF: "; the file is closed",
}


class ReaderGone(LtvError):
    """The reader of an output has closed the pipe (`| head`): writing the rest has no use."""


def path_or_stream(path: str, stream: str) -> str:
    """The name of a file in messages: its path, or for "-" the name of the standard stream."""
    return stream if path == "-" else path


@contextmanager
def file_errors(path: str) -> Iterator[None]:
    """Raise OS and gzip errors as `Fatal` with the file's name, a closed pipe as `ReaderGone`."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Fatal(
            f"{path}: the gzip data is damaged or cut short: {error}; fetch the file again"
        ) from error
    except BrokenPipeError as error:
        raise ReaderGone(f"{path}: its reader has closed it") from error
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "")
        raise Fatal(f"{path}: {error.strerror or error}{remedy}") from error
