"""Files that are written, whole or not at all: bytes as they come, or events in the format that the name says."""

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Final, cast

from contract.errors import Fatal
from files.file_errors import file_errors
from files.replacement import replacement

GZIP_LEVEL: Final = 5


class Output:
    """A file that is written; its trouble is raised as Fatal, with its name."""

    def __init__(self, path: str, file: IO[bytes]) -> None:
        self._path = path
        self._write = file.write

    def write(self, data: bytes, /) -> None:
        """Append these bytes."""
        with file_errors(self._path):
            self._write(data)


@contextmanager
def open_output(path: str) -> Iterator[Output]:
    """A file to write to; "-" is standard output, ".gz" is gzip'ed: the same bytes in, the same file out.

    A regular file is at `path` once the block has ended well; else what was there stays as it was.

    Raises:
        Fatal: it can't be written.
        ReaderGone: it is a pipe, and its reader has closed it.
    """
    closing, name = ExitStack(), "standard output" if path == "-" else path
    with file_errors(name):
        file = _created(path, closing)
    try:
        yield Output(name, file)
    except BaseException as error:
        with suppress(OSError):  # The first trouble is the one to tell, and need not be this file's.
            closing.__exit__(type(error), error, error.__traceback__)
        raise
    with file_errors(name):
        closing.close()


def _created(path: str, closing: ExitStack) -> IO[bytes]:
    if path == "-":
        closing.callback(sys.stdout.buffer.flush)
        return sys.stdout.buffer
    file = closing.enter_context(replacement(path))
    if not path.endswith(".gz"):
        return file
    # Neither name nor time goes in.
    return cast("IO[bytes]", closing.enter_context(gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0)))


@contextmanager
def open_events(path: str) -> Iterator[Callable[[Iterable[bytes]], None]]:
    """A file of events: call what is yielded with events, as often as you like.

    Args:
        path: .json is an array with one event a line, .ndjson one event a line, either with .gz; "-" is
            standard output, one event a line.

    Raises:
        Fatal: it can't be written, or its ending says nothing of the format.
    """
    plain_name = path.removesuffix(".gz")
    if path != "-" and not plain_name.endswith((".json", ".ndjson")):
        raise Fatal(
            f"{path}: name it .json (an array) or .ndjson (one event a line), either with .gz; or - for stdout"
        )
    with open_output(path) as file:
        if not plain_name.endswith(".json"):
            yield lambda events: _write(file, events, b"\n", b"\n")
            return
        separator = b"[\n"

        def write(events: Iterable[bytes]) -> None:
            nonlocal separator
            if text := b",\n".join(events):
                file.write(separator + text)
                separator = b",\n"

        yield write
        file.write(b"[]\n" if separator == b"[\n" else b"\n]\n")


def _write(file: Output, events: Iterable[bytes], between: bytes, end: bytes) -> None:
    if text := between.join(events):
        file.write(text + end)
