"""Standard streams whose errors become one line: a closed stream, a full disk, a closed pipe (`| head`).

A command that does not use a stream does not notice that the stream is broken.
"""

import io
import os
import sys
from typing import Any, Final, TextIO

from files.file_errors import file_errors

_CLOSED: Final = {0: os.O_WRONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}
"""Closed stream -> the mode in which /dev/null takes its place: reading standard input and writing standard output
fail, as they do on a closed stream; writing standard error succeeds."""


class _Stdout(io.FileIO):
    """Standard output: only the first failed write is reported, not the flush at the end of the process."""

    _has_failed = False

    def write(self, data: Any, /) -> int:
        if self._has_failed:
            return len(data)
        with file_errors("standard output"):
            try:
                return super().write(data)
            except OSError:
                self._has_failed = True
                raise


class Stderr(io.FileIO):
    """Standard error: a failed write can be reported only by the exit code."""

    has_failed = False

    def write(self, data: Any, /) -> int:
        """Write, and drop bytes that can't be written."""
        try:
            return super().write(data)
        except BrokenPipeError:  # The reader has closed the pipe.
            return len(data)
        except OSError:
            self.has_failed = True
            return len(data)


def prepare_standard_streams() -> Stderr:
    """Replace Python's standard streams by these; returns standard error."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    for number, stream in enumerate(streams):
        if stream is None:
            opened = os.open(os.devnull, _CLOSED[number])
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (open until the process ends)
    if sys.stdout is sys.__stdout__:  # A test or a program may have replaced it.
        sys.stdout = _text(_Stdout(1, "wb", closefd=False), sys.stdout)
    stderr = Stderr(2, "wb", closefd=False)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(stderr, sys.stderr)
    return stderr


def _text(raw: io.FileIO, like: TextIO | None) -> TextIO:
    """A text stream that escapes characters which the encoding cannot represent."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=like.encoding if like else "utf-8",
        errors="backslashreplace",
        line_buffering=raw.fileno() == 2 or raw.isatty(),
        write_through=isinstance(like, io.TextIOWrapper) and like.write_through,
    )
