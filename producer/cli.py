"""The producer's commands on Kafka: topics create, publish, produce."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import islice
from types import FrameType
from typing import Annotated, Final

import typer
from kafka import KafkaAdminClient

from contract.cluster import Cluster
from contract.connect import cluster_errors
from contract.decode import decode_event
from contract.errors import InvalidEvent
from contract.files import open_output, read_events
from contract.provision import differing_settings, ensure_topics, partitions_of
from contract.topics import DEFAULT_EVENTS_TOPIC, DEFAULT_PARTITIONS, DEFAULT_PREFIX, Topics
from producer.delivery import MAX_DISORDER, Faults, live
from producer.publish import Publisher, publisher, readable_key
from producer.seasons import time_text
from terminal.console import notes
from terminal.progress import FileProgress, file_progress
from terminal.rejects import Rejects

CHUNK_EVENTS: Final = 500
PACE_S: Final = 0.02
"""How often a live shop sends what is due."""

BootstrapServers = Annotated[
    str | None,
    typer.Option(
        envvar="KAFKA_BOOTSTRAP_SERVERS",
        metavar="HOST:PORT,...",
        help="The Kafka brokers; localhost:9092 unless told. Further settings come from "
        "KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_*, KAFKA_SSL_*.",
        show_default=False,
    ),
]
EventsTopic = Annotated[str, typer.Option(envvar="LTV_EVENTS_TOPIC", help="The topic of the events.")]

topics_app = typer.Typer(help="Create the topics, or say how they differ from what they should be.")


@topics_app.callback()
def _topics() -> None:
    """Create the topics, or say how they differ from what they should be."""


@topics_app.command("create")
def create_topics(
    partitions: Annotated[
        int,
        typer.Option(min=1, envvar="LTV_PARTITIONS", help="Partitions of the events topic, where it is new."),
    ] = DEFAULT_PARTITIONS,
    replication_factor: Annotated[
        int, typer.Option(help="Replicas of each new topic; -1 is the broker's default.")
    ] = -1,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    prefix: Annotated[
        str, typer.Option(envvar="LTV_PREFIX", help="Begins the names of the consumer's own topics.")
    ] = DEFAULT_PREFIX,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Create the events topic and the consumer's own topics; what is there already is compared, never changed."""
    cluster = Cluster.at(bootstrap_servers)
    topics = Topics(events_topic, prefix)
    with cluster_errors(cluster, "creating topics"):
        admin = KafkaAdminClient(**cluster.client_settings("ltv-topics"))
        try:
            actual = partitions_of(admin, [events_topic]).get(events_topic, partitions)
            specs = [topics.events_spec(actual), *topics.internal_specs(actual)]
            created = ensure_topics(admin, specs, replication_factor)
            differing = differing_settings(admin, specs)
        finally:
            admin.close()
    for spec in specs:
        what = f"created, {spec.partitions} partitions" if spec.name in created else "there already"
        typer.echo(f"{spec.name}: {what}")
        if spec.name == events_topic and actual != partitions:
            typer.echo(
                f"  it has {actual} partitions, not {partitions}; that can't be changed under a running count"
            )
        for name, (is_now, should_be) in differing[spec.name].items():
            typer.echo(f"  {name} is {is_now}, should be {should_be}")


def publish(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Files of events: a JSON array (.json) or one event a line (.ndjson), either with .gz; "
            "- is standard input.",
            show_default=False,
        ),
    ],
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
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Send the events of files to Kafka, keyed by customer id, each exactly once, acknowledged by all replicas.

    Invalid events are not sent: they are shown with file and line, counted by reason, and kept with --rejects.
    """
    with ExitStack() as stack:
        out = stack.enter_context(open_output(rejects)) if rejects else None
        report = Rejects(out, rejects)
        target = stack.enter_context(publisher(Cluster.at(bootstrap_servers), events_topic))
        progress = stack.enter_context(file_progress(files))
        for path in files:
            progress.file(path)
            _publish_file(path, target, report, progress, as_is=as_is)
        target.finish()
    report.summarize()
    notes().print(f"{target.delivered:,} events delivered to {events_topic}")


def _publish_file(
    path: str, target: Publisher, report: Rejects, progress: FileProgress, *, as_is: bool
) -> None:
    events = read_events(path)
    while chunk := list(islice(events, CHUNK_EVENTS)):
        for line, value in chunk:
            if as_is:
                target.send(readable_key(value), value)
                continue
            try:
                event = decode_event(value)
            except InvalidEvent as error:
                report.add(path, line, value, error)
            else:
                target.send(event.customer_id.encode(), value)
        progress.advance(sum(len(value) + 1 for _, value in chunk), target.sent)


def produce(
    rate: Annotated[float, typer.Option(min=0.001, envvar="LTV_RATE", help="Events a second.")] = 100,
    count: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many events.", show_default="until Ctrl-C")
    ] = None,
    customers: Annotated[
        int, typer.Option(min=1, help="How many customers come, one after the other.")
    ] = 1_000,
    seed: Annotated[
        int | None, typer.Option(help="The same seed: the same shop.", show_default="the clock")
    ] = None,
    disorder: Annotated[
        float, typer.Option(min=0, max=MAX_DISORDER, help="Share of events that come late.")
    ] = 0.0,
    duplicates: Annotated[float, typer.Option(min=0, max=0.5, help="Share of second deliveries.")] = 0.0,
    rubbish: Annotated[float, typer.Option(min=0, max=1, help="Share of invalid events.")] = 0.0,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Send the events of a simulated shop to Kafka as they happen, until Ctrl-C; then say what was delivered."""
    try:
        faults = Faults(disorder, duplicates, rubbish)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    stop = _StopSignal()
    events = live(_now_texts(), time.time_ns() if seed is None else seed, customers, faults)
    with publisher(Cluster.at(bootstrap_servers), events_topic) as target:
        began = time.monotonic()
        while not stop.came and target.sent != count:
            due = int((time.monotonic() - began) * rate) + 1
            for event in islice(events, (due if count is None else min(due, count)) - target.sent):
                target.send(event.customer_id.encode(), event.value)
            time.sleep(PACE_S)
        target.finish()
    notes().print(f"{target.delivered:,} events delivered to {events_topic}")


def _now_texts() -> Iterator[str]:
    while True:
        yield time_text(datetime.now(UTC))


class _StopSignal:
    """Notes SIGINT and SIGTERM, so that what is on its way is delivered before the end."""

    def __init__(self) -> None:
        self.came = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.came = True
