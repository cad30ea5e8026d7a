"""Output files, written whole or not at all: bytes, or events in the format that the file's name chooses."""

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Final, cast

from contract.errors import Fatal
from contract.printable import printable_json
from files.file_errors import file_errors, path_or_stream
from files.replacement import replacement

GZIP_LEVEL: Final = 5


class Output:
    """A file of JSON, open for writing; its errors are raised as Fatal or ReaderGone, with its name."""

    def __init__(self, path: str, file: IO[bytes]) -> None:
        self._path = path
        self._write = file.write
        self._on_terminal = file.isatty()

    def write(self, data: bytes, /) -> None:
        """Append these bytes of whole JSON strings; a terminal gets what it would obey escaped, and the same JSON."""
        with file_errors(self._path):
            self._write(printable_json(data) if self._on_terminal else data)


@contextmanager
def open_output(path: str) -> Iterator[Output]:
    """A file to write to; "-" is standard output, ".gz" is compressed, the same bytes always to the same file.

    A regular file appears at `path` when the block ends without an error; otherwise `path` stays unchanged.

    Raises:
        Fatal: the file can't be written.
        ReaderGone: the file is a pipe, and its reader has closed it.
    """
    closing, name = ExitStack(), path_or_stream(path, "standard output")
    with file_errors(name):
        file = _created(path, closing)
    try:
        yield Output(name, file)
    except BaseException as error:
        with suppress(OSError):  # Report the first error, which may come from elsewhere.
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
    # Without name and time, the same bytes give the same file.
    return cast("IO[bytes]", closing.enter_context(gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0)))


@contextmanager
def open_events(path: str) -> Iterator[Callable[[Iterable[bytes]], None]]:
    """A file of events; yields a function that appends events, to be called any number of times.

    Args:
        path: .json is an array with one event per line, .ndjson one event per line, either with .gz; "-" is
            standard output, one event per line.

    Raises:
        Fatal: the file can't be written, or its suffix names no format.
    """
    plain_name = path.removesuffix(".gz")
    if path != "-" and not plain_name.endswith((".json", ".ndjson")):
        raise Fatal(
            f"{path}: name the output .json (an array) or .ndjson (one event per line), either with .gz, "
            "or - for standard output"
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
