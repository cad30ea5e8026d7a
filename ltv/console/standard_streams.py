"""Standard streams whose trouble is told as one line: closed ones, a full disk, a reader that has gone (`| head`).

A command that uses none of them is not disturbed by it.
"""

import io
import os
import sys
from typing import Any, Final, TextIO

from files.file_errors import file_errors

_CLOSED: Final = {0: os.O_WRONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}
"""What a closed one is opened as: reading the input and writing the output then fail as they do where it is closed;
the third has nobody to tell it to."""


class _Output(io.FileIO):
    """Standard output: what can't be written is told once, and not again when the process ends."""

    _is_lost = False

    def write(self, data: Any, /) -> int:
        if self._is_lost:
            return len(data)
        with file_errors("standard output"):
            try:
                return super().write(data)
            except OSError:
                self._is_lost = True
                raise


class Notes(io.FileIO):
    """Standard error: where it can't be written there is nobody to tell, so the exit code has to."""

    is_lost = False

    def write(self, data: Any, /) -> int:
        """Write what can be written; the rest is dropped."""
        try:
            return super().write(data)
        except BrokenPipeError:  # Its reader has heard enough.
            return len(data)
        except OSError:
            self.is_lost = True
            return len(data)


def prepare_standard_streams() -> Notes:
    """Put such streams in the place of Python's; returns the one of standard error."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    for number, stream in enumerate(streams):
        if stream is None:
            opened = os.open(os.devnull, _CLOSED[number])
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (as long as the process lives)
    if sys.stdout is sys.__stdout__:  # Not where a test or a program has put its own there.
        sys.stdout = _text(_Output(1, "wb", closefd=False), sys.stdout)
    notes = Notes(2, "wb", closefd=False)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(notes, sys.stderr)
    return notes


def _text(raw: io.FileIO, like: TextIO | None) -> TextIO:
    """A name must not fail an output that lacks its letters."""
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=like.encoding if like else "utf-8",
        errors="backslashreplace",
        line_buffering=raw.fileno() == 2 or raw.isatty(),
        write_through=isinstance(like, io.TextIOWrapper) and like.write_through,
    )
