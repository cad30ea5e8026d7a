"""`ltv publish`: the events of files go to the topic."""

from contextlib import ExitStack
from typing import Annotated

import typer

from cluster.settings import Cluster
from contract.partitioners import DEFAULT_PARTITIONER
from contract.topics import DEFAULT_EVENTS_TOPIC
from files.output import open_output
from ltv.console.progress import file_progress
from ltv.console.rejects import Rejects
from ltv.console.streams import notes
from ltv.options import BootstrapServers, EventFiles, EventsTopic, TopicPartitioner
from producer.publish_file import publish_file
from producer.publisher import publisher


def publish(
    files: EventFiles,
    as_is: Annotated[
        bool,
        typer.Option(
            "--as-is",
            help="Send every event as it stands, valid or not; without a key where none can be read.",
        ),
    ] = False,
    rejects: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write invalid events here (.ndjson).", show_default=False),
    ] = None,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    partitioner: TopicPartitioner = DEFAULT_PARTITIONER,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Send the events of files to Kafka, keyed by customer id, each exactly once, acknowledged by all replicas.

    Invalid events are not sent: they are shown with file and line, counted by reason, and kept with --rejects.
    """
    with ExitStack() as stack:
        out = stack.enter_context(open_output(rejects)) if rejects else None
        report = Rejects(out, rejects)
        target = stack.enter_context(
            publisher(Cluster.at(bootstrap_servers), events_topic, partitioner=partitioner)
        )
        progress = stack.enter_context(file_progress(files))
        for path in files:
            progress.file(path)
            for bytes_read in publish_file(path, target, report.add, as_is=as_is):
                progress.advance(bytes_read, target.sent)
        target.finish()
    report.summarize()
    notes().print(f"{target.delivered:,} events delivered to {events_topic}")
