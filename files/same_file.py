"""No output may be the same file as an input or another output, even under another name."""

import os
import stat
import sys
from collections.abc import Iterable
from typing import TextIO

from contract.errors import Fatal
from files.file_errors import path_or_stream

Identity = tuple[int, int] | str
"""Device and inode; the path if there is no file yet."""


def refuse_same_files(inputs: Iterable[str], outputs: Iterable[str]) -> None:
    """Compare the files before any is opened for writing.

    Args:
        inputs: files to read; "-" is standard input.
        outputs: files to write; "-" is standard output.

    Raises:
        Fatal: an output is a regular file that is also an input, or two outputs are one file (except /dev/null).
    """
    read = {identity: path for path in inputs if (identity := _regular_file(path, sys.stdin)) is not None}
    written: dict[Identity, str] = {}
    for path in outputs:
        source = read.get(_regular_file(path, sys.stdout) or "")
        if source is not None:
            raise Fatal(f"{_output_name(path)}: the output is the input {source}; name another output file")
        identity = _identity(path, sys.stdout)
        if identity in written:
            raise Fatal(
                f"{_output_name(path)}: two outputs are one file, {_output_name(written[identity])}; name two files"
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
    except OSError:  # No such file, or a stream without a file: there is nothing to overwrite.
        return None


def _output_name(path: str) -> str:
    return path_or_stream(path, "standard output")
