"""`ltv generate`: a simulated shop's events into a file."""

from itertools import islice
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from contract.files import open_events
from producer.delivery import MAX_DISORDER, Faults, generated
from producer.rubbish import Place
from producer.shop import default_customers
from terminal.collector import collector_paused
from terminal.console import notes, plain

CHUNK_EVENTS: Final = 5_000


def generate(
    events: Annotated[int, typer.Argument(min=0, metavar="N", help="How many events.", show_default=False)],
    out: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help=".json: a JSON array; .ndjson: one event a line; either with .gz; - is standard output.",
            show_default=False,
        ),
    ],
    customers: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many customers.", show_default="one per hundred events, and at least ten"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 0,
    disorder: Annotated[
        float,
        typer.Option(min=0, max=MAX_DISORDER, help="Share of the events that come after younger ones."),
    ] = 0.0,
    duplicates: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of N that is a second delivery of an event.")
    ] = 0.0,
    rubbish: Annotated[
        float, typer.Option(min=0, max=1, help="Share of N that is invalid: every kind that a file can hold.")
    ] = 0.0,
) -> None:
    """Write N events of a simulated shop over the year 2025: customers with habits, seasons, orders that change."""
    try:
        faults = Faults(disorder, duplicates, rubbish)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    place: Place = "element" if out.removesuffix(".gz").endswith(".json") else "line"
    delivered = generated(events, seed, customers, faults, place=place)
    console = notes()
    columns = (
        TextColumn("{task.completed:,} events"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    with (
        collector_paused(),
        open_events(out) as write,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("", total=events)
        while chunk := list(islice(delivered, CHUNK_EVENTS)):
            write(event.value for event in chunk)
            progress.advance(task, len(chunk))
    own, late, twice, invalid = faults.counts(events)
    joined = min(default_customers(events) if customers is None else customers, own)
    where = "standard output" if out == "-" else plain(out)
    console.print(
        f"{events:,} events of {joined:,} customers written to {where}: "
        f"{late:,} late, {twice:,} delivered twice, {invalid:,} invalid"
    )
