"""Progress on standard error: a bar on a terminal; otherwise nothing, or one line at the start and one at the end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from contract.errors import counted
from contract.printable import printable
from ltv.console.consoles import stderr_console
from ltv.console.lines import say


class FileProgress:
    """A bar for bytes read and events processed, over several files."""

    def __init__(self, progress: Progress, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=total, events=0)

    def file(self, path: str) -> None:
        """Show the name of the file that is read next."""
        self._progress.update(self._task, description=printable(Path(path).name))

    def advance(self, bytes_read: int, events: Callable[[], int]) -> None:
        """Add `bytes_read` to the bytes read, and show `events()` as the total of processed events."""
        if not self._progress.disable:
            self._progress.update(self._task, advance=bytes_read, events=events())


@contextmanager
def file_progress(paths: Sequence[str], console: Console) -> Iterator[FileProgress]:
    """The bar; it shows a percentage only if the size of every file is known (no pipe, no .gz).

    What is printed on `console` meanwhile stands above the bar.
    """
    sizes = [_plain_size(path) for path in paths]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("events: {task.fields[events]:,}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield FileProgress(progress, total)


@contextmanager
def offset_progress(total: int) -> Iterator[Callable[[int], None]]:
    """The bar for reading `total` offsets of a topic; yields a function to call with the offsets passed."""
    console = stderr_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading offsets", total=total)
        yield lambda passed: bar.advance(task, passed)


def _plain_size(path: str) -> int | None:
    file = Path(path)
    return file.stat().st_size if file.is_file() and file.suffix != ".gz" else None


@contextmanager
def download_progress(title: str, total: int) -> Iterator[Callable[[], None]]:
    """The progress of downloading `total` files; yields a function to call after each file."""
    console = stderr_console()
    if not console.is_terminal:
        say(f"{title}: {counted(total, 'file')}")
        yield lambda: None
        say(f"{title}: done")
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(title, total=total)
        yield lambda: bar.advance(task)
