"""`ltv top`: the newest snapshot, or each as it comes, for people or (--json) programs."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.live import Live

from contract.errors import Fatal
from contract.topics import DEFAULT_PREFIX, Topics
from ltv.console.snapshot_view import SnapshotView, line
from ltv.console.streams import notes, output
from ltv.options import BootstrapServers, Prefix
from ltv.reading import log_reader

if TYPE_CHECKING:
    from cluster.log_reader import LogReader

REFRESH_S: Final = 0.5
WAITING: Final = "waiting for the first snapshot..."


def top(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show each snapshot as it comes, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="The snapshot as it stands on the topic, one JSON line each.")
    ] = False,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Show the newest snapshot of the top customers, or each as it comes.

    A snapshot says when it was emitted and how many partitions report: only when all do is it complete.
    Exit code 1 where there is none yet.
    """
    from subscriber.feed import newest_snapshot

    topics = Topics(prefix=prefix)
    with log_reader(bootstrap_servers) as reader:
        if follow:
            _follow(reader, topics, as_json=as_json)
            return
        received = newest_snapshot(reader, topics)
        if received is None:
            raise Fatal(
                f"no snapshot on {topics.snapshots} yet. Does a consumer run (`ltv consume`)? "
                "It emits one every few seconds"
            )
        if as_json:
            typer.echo(received.value)
        else:
            output().print(SnapshotView(received.snapshot, datetime.now(UTC)))


def _follow(reader: "LogReader", topics: Topics, *, as_json: bool) -> None:
    from subscriber.feed import snapshots

    console = output()
    received = snapshots(reader, topics, poll_s=REFRESH_S)
    try:
        if console.is_terminal and not as_json:
            with Live(console=console, auto_refresh=False) as live:
                newest = None
                for item in received:
                    newest = item.snapshot if item else newest
                    shown = SnapshotView(newest, datetime.now(UTC), fit=True) if newest else WAITING
                    live.update(shown, refresh=True)
            return
        waiting = False
        for item in received:
            if item:
                typer.echo(item.value if as_json else line(item.snapshot))
            elif not waiting:
                notes().print(WAITING)
            waiting = True
    except KeyboardInterrupt:
        return  # The asked-for way to end it.
