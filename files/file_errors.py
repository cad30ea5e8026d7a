"""What goes wrong with a file, as one line: its name, the cause, what to do."""

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
    errno.EBADF: "; it is closed",
}


class ReaderGone(LtvError):
    """Whoever read an output has closed it (`| head`): what is left to write has no use."""


@contextmanager
def file_errors(path: str) -> Iterator[None]:
    """Raise what the operating system or gzip says of this file as `Fatal`, and a closed pipe as `ReaderGone`."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Fatal(
            f"{path}: the gzip data is damaged or cut short: {error}; fetch the file again"
        ) from error
    except BrokenPipeError as error:
        raise ReaderGone(f"{path}: its reader has gone") from error
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "")
        raise Fatal(f"{path}: {error.strerror or error}{remedy}") from error
