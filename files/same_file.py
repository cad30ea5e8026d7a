"""No output may be an input, or another output, whatever their names are."""

import os
import stat
import sys
from collections.abc import Iterable
from typing import TextIO

from contract.errors import Fatal

Identity = tuple[int, int] | str
"""Device and inode; the path where there is no file yet."""


def refuse_same_files(inputs: Iterable[str], outputs: Iterable[str]) -> None:
    """Compare the files before any is opened for writing.

    Args:
        inputs: files that are read; "-" is standard input.
        outputs: files that are written; "-" is standard output.

    Raises:
        Fatal: an output is a regular file that is read, or two outputs are one file (/dev/null apart).
    """
    read = {identity: path for path in inputs if (identity := _regular_file(path, sys.stdin)) is not None}
    written: dict[Identity, str] = {}
    for path in outputs:
        source = read.get(_regular_file(path, sys.stdout) or "")
        if source is not None:
            raise Fatal(f"{_named(path)}: the output is the input {source}; name another file for the output")
        identity = _identity(path, sys.stdout)
        if identity in written:
            raise Fatal(
                f"{_named(path)}: two outputs are one file, {_named(written[identity])}; name a file for each"
            )
        if identity != _identity(os.devnull, sys.stdout):
            written[identity] = path


def _identity(path: str, standard: TextIO) -> Identity:
    found = _stat(path, standard)
    return os.path.realpath(path) if found is None else (found.st_dev, found.st_ino)


def _regular_file(path: str, standard: TextIO) -> Identity | None:
    found = _stat(path, standard)
    return (found.st_dev, found.st_ino) if found and stat.S_ISREG(found.st_mode) else None


def _stat(path: str, standard: TextIO) -> os.stat_result | None:
    try:
        return os.fstat(standard.fileno()) if path == "-" else os.stat(path)
    except OSError:  # Not there, or no real stream: nothing that could be destroyed.
        return None


def _named(path: str) -> str:
    return "standard output" if path == "-" else path
