"""The demo's live ranking: each new snapshot, with events per second and lag."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Final

from rich.live import Live

from cluster.deadline import Deadline
from cluster.log_reader import LogReader
from contract.errors import Fatal
from contract.topics import Topics
from ltv.console.consoles import stdout_console
from ltv.console.snapshot_view import SnapshotView, line
from ltv.demo.children import Child
from ltv.demo.pace import Pace, emitted
from subscriber.feed import Received, follow_snapshots

POLL_S: Final = 0.25


def new_snapshots(
    reader: LogReader, topics: Topics, children: Sequence[Child], first_s: float
) -> Iterator[Received | None]:
    """Yield each snapshot emitted from now on, None while there is none; check the children before each.

    Raises:
        Fatal: a child has ended by itself, or there was no snapshot within `first_s` seconds.
    """
    deadline = Deadline(first_s)
    now = datetime.now(UTC)
    too_late = Fatal(f"no snapshot within {first_s:.0f} s")
    while not reader.exists(topics.snapshots):  # The consumer creates its topics when it starts.
        _check(children)
        if deadline.is_over:
            raise too_late
        time.sleep(POLL_S)
    came = False
    for received in follow_snapshots(reader, topics, poll_s=POLL_S):
        _check(children)
        if received and emitted(received.snapshot) < now:
            received = None  # A snapshot of an earlier demo on the same cluster.
        came = came or received is not None
        if not came and deadline.is_over:
            raise too_late
        yield received


def _check(children: Sequence[Child]) -> None:
    for child in children:
        child.check()


def show_snapshots(
    received: Iterable[Received | None],
    reader: LogReader,
    topics: Topics,
    *,
    count: int | None,
    for_s: float | None,
) -> None:
    """Show snapshots, live on a terminal or else one per line, up to `count` of them or for `for_s` seconds."""
    console = stdout_console()
    end = None if for_s is None else Deadline(for_s)
    partitions = reader.partitions(topics.events)
    pace = Pace()
    shown = 0
    newest, note = None, ""
    with ExitStack() as stack:
        live = stack.enter_context(Live(console=console, auto_refresh=False)) if console.is_terminal else None
        for item in received:
            if item:
                newest, shown = item.snapshot, shown + 1
                note = pace.text_after(newest, sum(reader.committed_ends(topics.events, partitions).values()))
                if live is None:
                    console.print(line(newest, note), soft_wrap=True)
            if live and newest:
                live.update(SnapshotView(newest, datetime.now(UTC), note=note, fit=True), refresh=True)
            if shown == count or (end and end.is_over):
                return
