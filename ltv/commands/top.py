"""`ltv top`: show snapshots, as a table, or as JSON or CSV for programs."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from msgspec import structs
from rich.live import Live

from contract.errors import Fatal
from contract.topics import DEFAULT_PREFIX, MAX_TOP, Topics
from files.output import open_output
from ltv.connected_log_reader import connected_log_reader
from ltv.console.consoles import stderr_console, stdout_console
from ltv.console.lines import print_line, print_rows
from ltv.console.snapshot_view import SnapshotView, line
from ltv.options import BootstrapServers, Prefix, time_option
from subscriber.snapshot_csv import csv_header, csv_rows

if TYPE_CHECKING:
    from cluster.log_reader import LogReader
    from subscriber.feed import Received

REFRESH_S: Final = 0.5
WAITING: Final = "waiting for the first snapshot..."


def top(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show the newest snapshot and each new one, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each snapshot as on the topic, as one JSON line.")
    ] = False,
    as_csv: Annotated[
        bool,
        typer.Option(
            "--csv", help="Print one CSV row per ranked customer, with the snapshot's sequence and time."
        ),
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|SEQUENCE",
            help="Show the snapshot with this sequence, or the newest one at this time, such as 2026-01-31T12:00Z; "
            "a time without an offset is UTC.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Show every snapshot since this time, one per line.",
            show_default=False,
        ),
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            "--top", min=1, max=MAX_TOP, help="Show only this many of the best.", show_default="all"
        ),
    ] = None,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Show the newest snapshot of the top customers, an earlier one, or each new one.

    The output says when the snapshot was emitted and whether it is complete; if not, it shows the lag and the
    partitions that lag. The exit code is 1 if there is no such snapshot.
    """
    if sum((follow, at is not None, since is not None)) > 1:
        raise typer.BadParameter("choose one of them", param_hint="--follow, --at, --since")
    if as_json and as_csv:
        raise typer.BadParameter("choose one of them", param_hint="--json, --csv")
    show_whole = _CsvRows() if as_csv else _json_line if as_json else _line if follow or since else _view

    def show(received: "Received") -> None:
        show_whole(_best(received, rows))

    since_time = None if since is None else time_option(since, "--since")
    at_time = None if at is None or at.isdigit() else time_option(at, "--at")
    topics = Topics(prefix=prefix)
    with connected_log_reader(bootstrap_servers) as reader:
        if follow:
            _follow(reader, topics, show, rows, live=not (as_json or as_csv))
        elif since_time:
            from subscriber.history import snapshots_since

            for received in snapshots_since(reader, topics, since_time):
                show(received)
        elif at is not None:
            show(_earlier(reader, topics, at_time or int(at)))
        else:
            show(_newest(reader, topics))


Show = Callable[["Received"], None]


def _best(received: "Received", rows: int | None) -> "Received":
    """The snapshot with only the first `rows` rows; None: unchanged."""
    snapshot = received.snapshot
    if rows is None or rows >= len(snapshot.rows):
        return received
    narrow = structs.replace(snapshot, x=min(snapshot.x, rows), rows=snapshot.rows[:rows])
    return received._replace(snapshot=narrow, value=msgspec.json.encode(narrow))


def _json_line(received: "Received") -> None:
    with open_output("-") as file:
        file.write(received.value + b"\n")


def _line(received: "Received") -> None:
    print_line(line(received.snapshot))


def _view(received: "Received") -> None:
    stdout_console().print(SnapshotView(received.snapshot, datetime.now(UTC)))


class _CsvRows:
    """Prints the CSV header once, and the rows of each snapshot."""

    def __init__(self) -> None:
        self._header = csv_header()

    def __call__(self, received: "Received") -> None:
        print_rows(self._header + csv_rows(received.snapshot))
        self._header = ""


def _earlier(reader: "LogReader", topics: Topics, at: datetime | int) -> "Received":
    """The snapshot that was the newest at this time, or the one with this sequence."""
    from subscriber.history import snapshot_at_time, snapshot_of_sequence

    if isinstance(at, datetime):
        return snapshot_at_time(reader, topics, at)
    return snapshot_of_sequence(reader, topics, at)


def _newest(reader: "LogReader", topics: Topics) -> "Received":
    from subscriber.feed import newest_snapshot

    received = newest_snapshot(reader, topics)
    if received is None:
        raise Fatal(
            f"no snapshot on {topics.snapshots} yet. Is a consumer running (`ltv consume`)? "
            "It emits a snapshot every few seconds"
        )
    return received


def _follow(reader: "LogReader", topics: Topics, show: Show, rows: int | None, *, live: bool) -> None:
    from subscriber.feed import follow_snapshots

    console = stdout_console()
    received = follow_snapshots(reader, topics, poll_s=REFRESH_S)
    try:
        if console.is_terminal and live:
            with Live(console=console, auto_refresh=False) as screen:
                newest = None
                for item in received:
                    newest = _best(item, rows).snapshot if item else newest
                    shown = SnapshotView(newest, datetime.now(UTC), fit=True) if newest else WAITING
                    screen.update(shown, refresh=True)
            return
        waiting = False
        for item in received:
            if item:
                show(item)
            elif not waiting:
                stderr_console().print(WAITING)
            waiting = True
    except KeyboardInterrupt:
        return  # Ctrl-C is the normal end.
