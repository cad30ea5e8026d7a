"""The status of an application on one screen."""

from typing import Final

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from administration.status import PartitionStatus, Status
from contract.errors import counted
from contract.printable import printable
from ltv.console.letter_view import histogram_lines
from ltv.console.topic_lines import topic_lines
from subscriber.presentation import ago

OFFSETS_WIDTH: Final = 72
"""A narrower terminal has no column of offsets."""
MAX_ROWS: Final = 12
"""Partitions shown; of more, those that are furthest behind."""


class StatusView:
    """A status for a terminal, with its problems first."""

    def __init__(self, status: Status, problems: list[str]) -> None:
        self._status, self._problems = status, problems

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's protocol."""
        status = self._status
        verdict = Text()
        if self._problems:
            verdict.append("NOT HEALTHY", style="bold white on red")
            for problem in self._problems:
                verdict.append(f"\n  {printable(problem)}", style="bold")
        else:
            verdict.append("healthy", style="bold green")
        yield Group(
            verdict,
            Text(f"\nbrokers {printable(status.servers)}, at {status.at}"),
            Text(_group(status)),
            _partitions(status, offsets=console.width >= OFFSETS_WIDTH),
            Text(_hidden(status)),
            Text(_newest_event(status)),
            Text(_snapshot(status)),
            Text(_letters(status)),
            *(Text(line) for line in topic_lines(status.topics)),
        )


def _group(status: Status) -> str:
    members = status.members
    return (
        f"group {printable(status.group)}: {members.state}, {counted(len(members.members), 'member')} on "
        f"{printable(status.events_topic)}, prefix {printable(status.prefix)}\n"
    )


def _partitions(status: Status, *, offsets: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("partition", justify="right", no_wrap=True)
    table.add_column("owner", overflow="fold")
    table.add_column("state", no_wrap=True)
    for header in (*(["next offset"] if offsets else []), "lag", "behind"):
        table.add_column(header, justify="right", no_wrap=True)
    for each in sorted(_shown(status), key=lambda one: one.partition):
        offset = "-" if each.next_offset is None else f"{each.next_offset:,}"
        behind = ago(each.behind_s) if each.lag_records else "-"
        owner = "none" if each.owner is None else printable(each.owner)
        figures = [*([offset] if offsets else []), f"{each.lag_records:,}", behind]
        table.add_row(str(each.partition), owner, each.lifecycle or "-", *figures)
    return table


def _shown(status: Status) -> list[PartitionStatus]:
    worst_first = sorted(status.partitions, key=lambda each: (each.owner is not None, -each.behind_s))
    return worst_first[:MAX_ROWS]


def _hidden(status: Status) -> str:
    hidden = len(status.partitions) - MAX_ROWS
    return f"... and {counted(hidden, 'partition')} less far behind\n" if hidden > 0 else ""


def _newest_event(status: Status) -> str:
    newest_s = status.newest_event_age_s
    held = sum(each.held_back_records for each in status.partitions)
    waiting = f"; {counted(held, 'record')} behind an open transaction" if held else ""
    return f"newest event: {'none' if newest_s is None else ago(newest_s) + ' ago'}{waiting}"


def _snapshot(status: Status) -> str:
    snapshot = status.snapshot
    if snapshot is None:
        return "snapshot: none yet"
    whole = "complete" if snapshot.complete else "INCOMPLETE"
    behind = "" if snapshot.behind_s is None else f", {ago(snapshot.behind_s)} behind"
    return f"snapshot {snapshot.sequence}: {ago(snapshot.age_s)} old, {whole}{behind}"


def _letters(status: Status) -> str:
    total = sum(status.dead_letters.values())
    if not total:
        return "dead letters of the last hour: none"
    more = "more than " if status.dead_letters_are_more else ""
    return "\n".join(
        [f"dead letters of the last hour: {more}{total:,}", *histogram_lines(status.dead_letters)]
    )
