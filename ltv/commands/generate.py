"""`ltv generate`: write the events of a simulated shop to a file."""

from itertools import islice
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from contract.errors import counted
from contract.printable import printable
from files.file_errors import path_or_stream
from files.output import open_events
from ltv.console.consoles import stderr_console
from ltv.console.lines import say
from ltv.gc_pause import gc_paused
from ltv.report_when_stopped import report_when_stopped
from producer import cdnow as cdnow_history
from producer.delivery import MAX_DISORDER, Faults, generated
from producer.rubbish import Place
from producer.shop import default_customers

CHUNK_EVENTS: Final = 5_000


def generate(
    out: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help=".json: a JSON array; .ndjson: one event per line; either with .gz; - is standard output.",
            show_default=False,
        ),
    ],
    events: Annotated[
        int | None,
        typer.Argument(
            min=0, metavar="N", help="How many events of the simulated shop to write.", show_default=False
        ),
    ] = None,
    cdnow: Annotated[
        bool, typer.Option("--cdnow", help="Write the 69,659 purchases of CDNOW instead.")
    ] = False,
    customers: Annotated[
        int | None,
        typer.Option(min=1, help="How many customers.", show_default="one per hundred events, at least ten"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    disorder: Annotated[
        float,
        typer.Option(
            min=0, max=MAX_DISORDER, help="Share of the events that come after events with a later time."
        ),
    ] = 0.0,
    duplicates: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of N that are second deliveries of an event.")
    ] = 0.0,
    rubbish: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of N that are invalid, of every kind that a file can hold."),
    ] = 0.0,
) -> None:
    """Write N events of a simulated shop in 2025: customers with habits, seasons, orders that are updated."""
    if cdnow:
        if events is not None:
            raise typer.BadParameter("--cdnow writes a fixed number of events: omit N", param_hint="N")
        _write_cdnow(out)
        return
    if events is None:
        raise typer.BadParameter("give the number of events", param_hint="N")
    try:
        faults = Faults(disorder, duplicates, rubbish)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    _write_simulated(out, events, seed, customers, faults)


def _write_simulated(out: str, events: int, seed: int, customers: int | None, faults: Faults) -> None:
    place: Place = "element" if out.removesuffix(".gz").endswith(".json") else "line"
    delivered = generated(events, seed, customers, faults, place=place)
    console = stderr_console()
    columns = (
        TextColumn("events: {task.completed:,}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    written = 0
    with (
        report_when_stopped(lambda: _stopped(written, out)),
        gc_paused(),
        open_events(out) as write,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("", total=events)
        while chunk := list(islice(delivered, CHUNK_EVENTS)):
            write(event.value for event in chunk)
            written += len(chunk)
            progress.advance(task, len(chunk))
    own, late, twice, invalid = faults.counts(events)
    joined = min(default_customers(events) if customers is None else customers, own)
    say(
        f"{counted(events, 'event')} of {counted(joined, 'customer')} written to {_output_name(out)}: "
        f"{late:,} late, {twice:,} delivered twice, {invalid:,} invalid"
    )


def _write_cdnow(out: str) -> None:
    with report_when_stopped(lambda: _stopped(0, out)):
        values = [value for _, value in cdnow_history.events()]
        with open_events(out) as write:
            write(values)
    say(f"{counted(len(values), 'event')} written to {_output_name(out)}")


def _stopped(written: int, out: str) -> str:
    if out == "-":
        return f"{counted(written, 'event')} written to {_output_name(out)}"
    return f"{counted(written, 'event')} generated; {_output_name(out)} was not written"


def _output_name(out: str) -> str:
    return printable(path_or_stream(out, "standard output"))
