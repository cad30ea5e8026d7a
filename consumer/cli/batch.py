"""`ltv batch`: files in, the ranking out; invalid events are counted and shown, and never stop it."""

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Final

import msgspec
import typer
from contract.files import open_output
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from consumer.batch import Batch, Rejected, collector_paused
from consumer.cli import table
from consumer.cli.console import notes, output, plain
from contract.snapshots import Basis, Snapshot

SHOWN_REJECTS: Final = 5
EXIT_STRICT: Final = 3


def batch(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Files of events: a JSON array (.json) or one event a line (.ndjson), either with .gz; "
            "- is standard input.",
            show_default=False,
        ),
    ],
    top: Annotated[int, typer.Option("--top", min=1, help="How many customers to rank.")] = 10,
    basis: Annotated[
        Basis,
        typer.Option(
            help="What counts as weeks: the customer's own active weeks, or the weeks from the first to the "
            "last event, for everybody."
        ),
    ] = "active",
    as_json: Annotated[bool, typer.Option("--json", help="Full rows as a JSON list.")] = False,
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help='Write the ranking as the JSON list [{"customer_id": "ltv"}, ...], best first '
            "(with --json: full rows); - is standard output.",
        ),
    ] = None,
    rejects: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write the invalid events here as they stood, one a line: correct them and run again.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help=f"Exit with {EXIT_STRICT} where any event was invalid.")
    ] = False,
) -> None:
    """Rank the customers of event files by simple lifetime value, without Kafka.

    Order, updates, duplicates and late events don't matter. Invalid events are counted by reason on standard
    error, the first few with file and line, and never stop it.
    """
    with ExitStack() as stack:
        report = RejectReport(stack.enter_context(open_output(rejects)) if rejects else None)
        run = Batch(on_rejected=report.add)
        with collector_paused():
            _ingest(run, files)
        snapshot = run.snapshot(top, basis, datetime.now(UTC))
    _show(snapshot, as_json=as_json, out=out)
    report.summarize(run.rejected, rejects)
    if strict and run.rejected:
        raise typer.Exit(EXIT_STRICT)


def _ingest(run: Batch, files: list[str]) -> None:
    """All files, with a bar on a terminal."""
    console = notes()
    sizes = [_plain_size(path) for path in files]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(show_speed=True),
        TextColumn("{task.fields[events]:,} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, events=0)
        for path in files:
            progress.update(task, description=plain(Path(path).name))
            for bytes_read in run.ingest_file(path):
                progress.update(task, advance=bytes_read, events=run.aggregate.events)


def _plain_size(path: str) -> int | None:
    """The bytes of an uncompressed regular file; None where the progress can't be foretold."""
    file = Path(path)
    return file.stat().st_size if file.is_file() and file.suffix != ".gz" else None


def _show(snapshot: Snapshot, *, as_json: bool, out: str | None) -> None:
    if out is None and not as_json:
        console = output()
        console.print(table.Ranking(snapshot, changes=False))
        console.print(table.totals(snapshot, set_aside="rejected"))
        console.print(table.time_frame(snapshot))
        return
    items: Sequence[object] = (
        snapshot.rows if as_json else [{row.customer_id: row.ltv} for row in snapshot.rows]
    )
    with open_output(out or "-") as file:
        file.write(json_list(items))
    notes().print(table.totals(snapshot, set_aside="rejected"))


def json_list(items: Sequence[object]) -> bytes:
    """A JSON list with one element a line."""
    if not items:
        return b"[]\n"
    return b"[\n  " + b",\n  ".join(map(msgspec.json.encode, items)) + b"\n]\n"


class RejectReport:
    """Says on standard error what was invalid and why; keeps the events themselves where asked to."""

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file
        self._console = notes()
        self._shown = 0

    def add(self, rejected: Rejected) -> None:
        """Show it if it is one of the first; write it out as it stood."""
        if self._shown < SHOWN_REJECTS:
            self._shown += 1
            why = f"{rejected.error.reason}: {rejected.error}"
            self._console.print(plain(f"{rejected.path}:{rejected.line}: {why}"))
        if self._file:
            # A line break within an element of an array is only layout: a blank does as well.
            self._file.write(rejected.value.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")

    def summarize(self, counts: Counter[str], path: str | None) -> None:
        """The count by reason, once all files are read."""
        if not counts:
            return
        if (more := counts.total() - self._shown) > 0:
            self._console.print(f"... and {more:,} more")
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common())
        kept = f"; written to {plain(path)}" if path else ""
        self._console.print(f"{counts.total():,} invalid events: {reasons}{kept}")
