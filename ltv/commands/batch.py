"""`ltv batch`: rank the customers of event files."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from consumer.batch import Batch
from consumer.new_state import new_state
from contract.errors import counted
from contract.snapshots import Basis, Row, Snapshot
from files.file_errors import ReaderGone
from files.input import check_inputs
from files.output import open_output
from files.same_file import refuse_same_files
from ltv.console.consoles import stderr_console, stdout_console
from ltv.console.progress import file_progress
from ltv.console.ranking import Ranking
from ltv.console.rejects import HELP, Rejects, invalid_events
from ltv.exit_codes import INVALID, exit_where_invalid
from ltv.gc_pause import gc_paused
from ltv.options import EventFiles
from ltv.report_when_stopped import report_when_stopped
from subscriber.presentation import time_frame, totals
from subscriber.snapshot_csv import ranking_csv


def batch(
    files: EventFiles,
    top: Annotated[int, typer.Option("--top", min=1, help="How many customers to rank.")] = 10,
    basis: Annotated[
        Basis,
        typer.Option(
            help="Which weeks count: each customer's own active weeks, or for all customers the weeks from the first "
            "to the last event."
        ),
    ] = "active",
    as_json: Annotated[bool, typer.Option("--json", help="Print full rows as a JSON list.")] = False,
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help='Write the ranking as the JSON list [{"customer_id": "ltv"}, ...], best first '
            "(with --json: full rows); - is standard output. A file named .csv or .csv.gz has full rows as CSV, "
            "one named .parquet (needs the extra `verify`) as Parquet.",
        ),
    ] = None,
    rejects: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help=f"Write the invalid events to this file, {HELP}",
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help=f"Exit with {INVALID} if any event is invalid, not only if all are."),
    ] = False,
) -> None:
    """Rank the customers of event files by simple lifetime value, without Kafka.

    The order of the events, duplicates and late events do not change the result. Invalid events are skipped, and
    counted by reason on standard error, the first few with file and line; if all are invalid, the exit code is 3.
    """
    encode = _encoder(out or "-", as_json=as_json)
    check_inputs(files)
    refuse_same_files(files, [out or "-", *([rejects] if rejects else [])])
    state = new_state(notes_changes=False)
    with (
        report_when_stopped(lambda: f"{counted(state.totals().events, 'event')} read; nothing was written"),
        ExitStack() as stack,
    ):
        report = Rejects(stack.enter_context(open_output(rejects)) if rejects else None, rejects)
        run = Batch(on_rejected=report.add, state=state)
        _ingest(run, files, report.console)
        snapshot = run.snapshot(top, basis, datetime.now(UTC))
    # The exit code depends on the events only, even if the reader closes the output early.
    with suppress(ReaderGone):
        if out is None and not as_json:
            _show_table(snapshot)
        else:
            with open_output(out or "-") as file:
                file.write(encode(snapshot.rows))
            stderr_console().print(_totals(snapshot))
    report.summarize(invalid_events)
    exit_where_invalid(invalid=run.rejected, valid=run.state.totals().events, strict=strict)


def _ingest(run: Batch, files: list[str], console: Console) -> None:
    with file_progress(files, console) as progress, gc_paused():
        for path in files:
            progress.file(path)
            for bytes_read in run.ingest_file(path):
                progress.advance(bytes_read, lambda: run.state.totals().events)


def _show_table(snapshot: Snapshot) -> None:
    console = stdout_console()
    console.print(Ranking(snapshot, changes=False))
    console.print(_totals(snapshot))
    console.print(time_frame(snapshot))


def _encoder(out: str, *, as_json: bool) -> Callable[[Sequence[Row]], bytes]:
    """What makes the bytes of an output with this name.

    Raises:
        typer.BadParameter: --json contradicts the name.
    """
    is_csv, is_parquet = out.removesuffix(".gz").endswith(".csv"), out.endswith(".parquet")
    if as_json and (is_csv or is_parquet):
        raise typer.BadParameter("full rows as JSON go to a file named .json", param_hint="--json, --output")
    if is_csv:
        return lambda rows: ranking_csv(rows).encode()
    if is_parquet:
        from subscriber.ranking_parquet import ranking_parquet

        return ranking_parquet
    return json_list if as_json else lambda rows: json_list([{row.customer_id: row.ltv} for row in rows])


def _totals(snapshot: Snapshot) -> str:
    return totals(snapshot, invalid=f"{snapshot.totals.dead_letters:,} rejected")


def json_list(items: Sequence[object]) -> bytes:
    """A JSON list with one element per line."""
    if not items:
        return b"[]\n"
    return b"[\n  " + b",\n  ".join(map(msgspec.json.encode, items)) + b"\n]\n"
