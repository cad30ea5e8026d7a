"""`ltv verify`: recompute a snapshot from the events that it counts, and compare."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cluster.record_batch import DEFAULT_MAX_BATCH_BYTES
from contract.errors import Fatal
from contract.partitioners import DEFAULT_PARTITIONER
from contract.topics import DEFAULT_EVENTS_TOPIC, DEFAULT_PREFIX, Topics
from files.input import check_inputs
from files.output import open_output
from ltv.connected_log_reader import connected_log_reader
from ltv.console.consoles import stderr_console
from ltv.console.lines import print_line, say
from ltv.console.progress import file_progress, offset_progress
from ltv.exit_codes import UNVERIFIABLE
from ltv.letter_options import since_ms_of
from ltv.options import (
    BootstrapServers,
    EventsTopic,
    MaxBatchBytes,
    MaxEventTimeAhead,
    Prefix,
    TopicPartitioner,
)
from ltv.report_when_stopped import report_when_stopped

if TYPE_CHECKING:
    from contract.snapshots import Snapshot
    from verification.comparison import Verdict
    from verification.covered_events import CoveredRecords


def verify(
    sequence: Annotated[
        int | None,
        typer.Option(min=1, help="The snapshot with this sequence.", show_default="the newest"),
    ] = None,
    from_files: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Read the events from this file instead of the topic, where they are deleted; once for each file. "
            "The files must hold the valid events that the snapshot counts, and no others.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Count from each partition's first record of this time on: the time of `ltv reset --to-time`, if that "
            "began the count.",
            show_default="the beginning of the topic",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as one JSON line.")] = False,
    partitioner: TopicPartitioner = DEFAULT_PARTITIONER,
    max_batch_bytes: MaxBatchBytes = DEFAULT_MAX_BATCH_BYTES,
    max_event_time_ahead: MaxEventTimeAhead = None,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Recompute a snapshot from the events at exactly the offsets that it counts, and compare every figure.

    The recomputation has its own decoding, and its own rules in SQL (DuckDB): none of the consumer's code. It needs the
    extra `verify`, about 2 GB of memory at most, and room for the events in the temporary directory. Give it the
    consumer's own --partitioner, --max-batch-bytes and --max-event-time-ahead.

    The exit code is 0 if all figures match; 1 if any differs: then both derivations are printed, with the events behind
    them; 4 if they differ and events that the snapshot may count are deleted.
    """
    from verification.covered_events import CannotVerify, CoveredRecords

    files = from_files or []
    check_inputs(files)
    since_ms = since_ms_of(since)
    topics = Topics(events_topic, prefix)
    snapshot = _snapshot(bootstrap_servers, topics, sequence)
    try:
        with report_when_stopped(lambda: f"snapshot {snapshot.sequence} was not verified"):
            if files:
                verdict = _verdict_from_files(snapshot, files)
            else:
                ahead_us = None if max_event_time_ahead is None else round(max_event_time_ahead * 1_000_000)
                settings = {"trimmed": "fail", "max_batch_bytes": max_batch_bytes}
                with connected_log_reader(bootstrap_servers, **settings) as reader:
                    verdict = _verdict_from_topic(
                        snapshot,
                        CoveredRecords(reader, topics.events, snapshot, since_ms),
                        partitioner,
                        ahead_us,
                    )
    except CannotVerify as error:
        if as_json:
            _print_json({"sequence": snapshot.sequence, "matches": None, "error": str(error)})
        say(f"ltv: {error}")
        raise typer.Exit(UNVERIFIABLE) from error
    if as_json:
        _print_json(verdict)
    else:
        from ltv.console.verdict_view import verdict_lines

        for text in verdict_lines(verdict, snapshot, files):
            print_line(text)
    if not verdict.matches:
        if since is None and verdict.records > snapshot.totals.events + snapshot.totals.dead_letters:
            say("if `ltv reset --to-time TIME` began this count, verify it with --since TIME")
        raise typer.Exit(1)


def _snapshot(bootstrap_servers: str | None, topics: Topics, sequence: int | None) -> "Snapshot":
    """The snapshot with this sequence; None: the newest."""
    from subscriber.feed import newest_snapshot
    from subscriber.history import snapshot_of_sequence

    with connected_log_reader(bootstrap_servers) as reader:
        if sequence is not None:
            return snapshot_of_sequence(reader, topics, sequence).snapshot
        received = newest_snapshot(reader, topics)
    if received is None:
        raise Fatal(f"no snapshot on {topics.snapshots} yet: nothing to verify. Is a consumer running?")
    return received.snapshot


def _verdict_from_topic(
    snapshot: "Snapshot", covered: "CoveredRecords", partitioner: str, ahead_us: int | None
) -> "Verdict":
    """Compare with the records of the topic.

    Raises:
        CannotVerify: records that the snapshot may count are deleted, and what is left gives other figures.
    """
    from verification.comparison import compare
    from verification.covered_events import CannotVerify, add_record
    from verification.event_place import EventPlace
    from verification.event_table import EventTable

    place = EventPlace(partitioner, covered.partitions)
    with EventTable() as table:
        with offset_progress(covered.offsets) as advance:
            for records, passed in covered.read():
                for record in records:
                    add_record(table, record, place, ahead_us)
                advance(passed)
        verdict = compare(snapshot, table, with_dead_letters=True)
    if covered.deleted and not verdict.matches:
        where = ", ".join(
            f"{count:,} of {covered.topic}-{number}" for number, count in covered.deleted.items()
        )
        raise CannotVerify(
            f"can't verify snapshot {snapshot.sequence}: the records at its first offsets are deleted ({where}), and "
            "those that are left give other figures. Give the deleted events, too: --from-files"
        )
    return verdict


def _verdict_from_files(snapshot: "Snapshot", files: list[str]) -> "Verdict":
    from verification.comparison import compare
    from verification.covered_events import add_file
    from verification.event_table import EventTable

    with EventTable() as table:
        events = 0
        with file_progress(files, stderr_console()) as progress:

            def advance(size: int, count: int) -> None:
                nonlocal events
                events += count
                progress.advance(size, lambda: events)

            for number, path in enumerate(files):
                progress.file(path)
                add_file(table, number, path, advance)
        return compare(snapshot, table, with_dead_letters=False)


def _print_json(found: object) -> None:
    with open_output("-") as file:
        file.write(msgspec.json.encode(found) + b"\n")
