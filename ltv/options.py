"""Options that several commands share."""

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from contract.partitioners import Partitioner
from contract.topics import DEFAULT_PREFIX, check_topic_name

MAX_TIMEOUT_S: Final = 2_147_483
"""Kafka's protocol has timeouts in milliseconds as signed 32-bit numbers."""
MIN_BATCH_BYTES: Final = 1024 * 1024
"""Brokers accept batches of this size by default."""
MAX_BATCH_BYTES: Final = 2_000_000_000


def _checked_events_topic(name: str) -> str:
    check_topic_name("--events-topic", name)
    return name


AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON line.")]
BootstrapServers = Annotated[
    str | None,
    typer.Option(
        envvar="KAFKA_BOOTSTRAP_SERVERS",
        metavar="HOST:PORT,...",
        help="The Kafka brokers; localhost:9092 by default. The variables KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_* and "
        "KAFKA_SSL_* hold further settings.",
        show_default=False,
    ),
]
EventsTopic = Annotated[
    str,
    typer.Option(envvar="LTV_EVENTS_TOPIC", callback=_checked_events_topic, help="The topic of the events."),
]
Prefix = Annotated[
    str,
    typer.Option(
        envvar="LTV_PREFIX",
        help=f"The beginning of the names of this application's own topics, as in {DEFAULT_PREFIX}.snapshots.",
    ),
]
Group = Annotated[
    str | None,
    typer.Option(envvar="LTV_GROUP", help="The consumer group.", show_default="the prefix"),
]
TopicPartitioner = Annotated[
    Partitioner,
    typer.Option(
        "--partitioner",
        envvar="LTV_PARTITIONER",
        help="How producers choose a customer's partition: murmur2 (Java, kafka-python), crc32 (librdkafka's "
        "default), fnv1a (Sarama's default); unchecked: the consumer does not check the partition.",
    ),
]
MaxBatchBytes = Annotated[
    int,
    typer.Option(
        min=MIN_BATCH_BYTES,
        max=MAX_BATCH_BYTES,
        envvar="LTV_MAX_BATCH_BYTES",
        help="A batch of records that unpacks to more bytes becomes one dead letter.",
    ),
]
MaxEventTimeAhead = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=MAX_TIMEOUT_S * 1000,
        envvar="LTV_MAX_EVENT_TIME_AHEAD",
        help="Seconds by which an event may be later than its record's timestamp; a later one is invalid.",
        show_default="no limit",
    ),
]
PublisherPort = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        min=1,
        max=65535,
        help="Serve /metrics (Prometheus) on this port while the command runs.",
        show_default="not served",
    ),
]
PublisherHost = Annotated[
    str, typer.Option("--metrics-host", help="The address to listen on for metrics.", metavar="ADDRESS")
]
DEFAULT_PUBLISHER_HOST: Final = "127.0.0.1"
SnapshotRetention = Annotated[
    float,
    typer.Option(
        "--snapshot-retention-days",
        min=0.001,
        envvar="LTV_SNAPSHOT_RETENTION_DAYS",
        help="How many days to keep snapshots, if their topic is created.",
    ),
]
EventFiles = Annotated[
    list[str],
    typer.Argument(
        help="Files of events: a JSON array (.json) or one event per line (.ndjson), either with .gz; "
        "- is standard input.",
        show_default=False,
    ),
]


def time_option(text: str, option: str) -> datetime:
    """The time that an option names; without a zone it is in UTC.

    Raises:
        typer.BadParameter: it is no time.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a time such as 2026-01-31T12:00Z", param_hint=option
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
