"""`ltv top` and `ltv dead-letters`: what came out, for people or (--json) programs. They change nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.live import Live

from consumer.cli.dead_letters import as_json as letter_as_json
from consumer.cli.dead_letters import counts, describe, letter_of
from consumer.cli.live import View, line
from consumer.cli.options import BootstrapServers, Prefix
from contract.errors import Fatal
from contract.events import REASONS
from contract.topics import DEFAULT_PREFIX, Topics
from terminal.console import notes, output

if TYPE_CHECKING:
    from consumer.stream.reader import Reader

DEFAULT_LIMIT: Final = 50
ALL: Final = 1 << 62
REFRESH_S: Final = 0.5
WAITING: Final = "waiting for the first snapshot..."

dead_letters_app = typer.Typer(add_completion=False)


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
    from consumer.stream.subscriber import newest_snapshot

    topics = Topics(prefix=prefix)
    with _reader(bootstrap_servers) as reader:
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
            output().print(View(received.snapshot, datetime.now(UTC)))


def _follow(reader: "Reader", topics: Topics, *, as_json: bool) -> None:
    from consumer.stream.subscriber import snapshots

    console = output()
    received = snapshots(reader, topics, poll_s=REFRESH_S)
    try:
        if console.is_terminal and not as_json:
            with Live(console=console, auto_refresh=False) as live:
                newest = None
                for item in received:
                    newest = item.snapshot if item else newest
                    shown = View(newest, datetime.now(UTC), fit=True) if newest else WAITING
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


@dead_letters_app.command("list")
def dead_letters_list(
    limit: Annotated[int, typer.Option(min=0, help="Show the newest N; 0 shows all.")] = DEFAULT_LIMIT,
    reason: Annotated[
        str | None,
        typer.Option(metavar="REASON", help=f"Only those: {', '.join(REASONS)}.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line each.")] = False,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Show the events that were set aside: why, where they came from, and what they are; the newest first.

    With --json a key or payload that is not UTF-8 stands in key_base64 or payload_base64.
    """
    if reason is not None and reason not in REASONS:
        raise typer.BadParameter(f"known are {', '.join(REASONS)}", param_hint="--reason")
    topic = Topics(prefix=prefix).dead_letters
    with _reader(bootstrap_servers) as reader:
        partitions = reader.partitions(topic)
        found = [
            record
            for partition in partitions
            for record in reader.newest(
                topic, partition, limit or ALL, lambda r: reason is None or letter_of(r).reason == reason
            )
        ]
    found.sort(key=lambda record: (record.timestamp, record.partition, record.offset), reverse=True)
    shown = [letter_of(record) for record in found[: limit or None]]
    console = output()
    for letter in shown:
        if as_json:
            typer.echo(letter_as_json(letter))
        else:
            console.print(describe(letter, console.width), no_wrap=True, overflow="ellipsis")
    notes().print(counts(shown, topic, limited=bool(limit) and len(shown) == limit))


@contextmanager
def _reader(bootstrap_servers: str | None) -> Iterator["Reader"]:
    """A connected reader, for as long as the command needs it."""
    from consumer.stream.reader import Reader, silence_client_logs
    from contract.cluster import Cluster

    silence_client_logs()
    with Reader(Cluster.at(bootstrap_servers)) as reader:
        yield reader
