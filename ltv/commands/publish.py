"""`ltv publish`: send the events of files to Kafka."""

from contextlib import ExitStack
from typing import Annotated

import typer

from cluster.settings import Cluster
from contract.errors import LtvError, Retriable, counted
from contract.partitioners import DEFAULT_PARTITIONER
from contract.topics import DEFAULT_EVENTS_TOPIC
from files.input import check_inputs
from files.output import open_output
from files.same_file import refuse_same_files
from ltv.console.json_line import print_json
from ltv.console.lines import say
from ltv.console.progress import file_progress
from ltv.console.rejects import HELP, Rejects, events_not_sent
from ltv.exit_codes import INVALID, exit_where_invalid
from ltv.options import (
    DEFAULT_PUBLISHER_HOST,
    AsJson,
    BootstrapServers,
    EventFiles,
    EventsTopic,
    PublisherHost,
    PublisherPort,
    TopicPartitioner,
)
from ltv.report_when_stopped import report_when_stopped
from producer.publish_file import publish_file
from producer.publisher import Publisher, publisher


def publish(
    files: EventFiles,
    as_is: Annotated[
        bool,
        typer.Option(
            "--as-is",
            help="Send every event unchanged, valid or not; without a key if none can be read.",
        ),
    ] = False,
    rejects: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help=f"Write the events that are not sent to this file, {HELP}",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", help=f"Exit with {INVALID} if any event is invalid, not only if all are."),
    ] = False,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    partitioner: TopicPartitioner = DEFAULT_PARTITIONER,
    metrics_port: PublisherPort = None,
    metrics_host: PublisherHost = DEFAULT_PUBLISHER_HOST,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Send the events of files to Kafka, keyed by customer id, each exactly once, acknowledged by all replicas.

    Invalid events are not sent: they are counted by reason, the first few are shown with file and line, and
    --rejects keeps them. If all events are invalid, the exit code is 3; if a valid event is not delivered, 1.
    """
    check_inputs(files)
    refuse_same_files(files, [rejects] if rejects else [])
    undelivered: Retriable | None = None
    target: Publisher | None = None
    try:
        with report_when_stopped(lambda: _done(target, events_topic, rejects)) as stop, ExitStack() as stack:
            report = Rejects(stack.enter_context(open_output(rejects)) if rejects else None, rejects)
            connected = publisher(
                Cluster.at(bootstrap_servers), events_topic, step=stop.held(), partitioner=partitioner
            )
            target = stack.enter_context(connected)
            if metrics_port is not None:
                from ltv.publisher_port import serve_publisher

                serve_publisher(target, report.counts, metrics_host, metrics_port)
            _send(files, target, report, as_is=as_is)
            try:
                target.finish()
            except Retriable as error:
                undelivered = error  # Raised below, after the rejects file is complete.
    except LtvError:
        if target:
            say(_done(target, events_topic, rejects))
        raise
    report.summarize(events_not_sent)
    if as_json:
        print_json({"topic": events_topic, "delivered": target.delivered, "not_sent": report.counts})
    else:
        say(f"{counted(target.delivered, 'event')} delivered to {events_topic}")
    if undelivered:
        raise undelivered
    exit_where_invalid(invalid=report.counts.total(), valid=target.delivered, strict=strict)


def _send(files: list[str], target: Publisher, report: Rejects, *, as_is: bool) -> None:
    with file_progress(files, report.console) as progress:
        for path in files:
            progress.file(path)
            for bytes_read in publish_file(path, target, report.add, as_is=as_is):
                progress.advance(bytes_read, lambda: target.sent)


def _done(target: Publisher | None, topic: str, rejects: str | None) -> str:
    """How far the command got before a signal or an error ended it."""
    if target is None:
        return "nothing was sent"
    undecided = target.sent - target.delivered - target.failed
    return (
        f"{counted(target.delivered, 'event')} delivered to {topic}, {target.failed:,} not delivered, "
        f"{undecided:,} sent without an answer; the rest of the files was not sent"
        + (f"; {rejects} was not written" if rejects else "")
    )
