"""`ltv consume`: read the options and run the workers."""

from dataclasses import replace
from typing import Annotated, Final

import structlog
import typer

from cluster.settings import Cluster
from consumer import logs
from consumer.instance_slot import instance_slot
from consumer.settings import Settings
from consumer.stream.workers import run
from contract.access_token import AccessToken
from contract.errors import Fatal
from contract.snapshots import Basis
from contract.topics import DEFAULT_EVENTS_TOPIC, DEFAULT_PREFIX, MAX_TOP, Topics
from ltv.options import (
    MAX_TIMEOUT_S,
    BootstrapServers,
    EventsTopic,
    Group,
    MaxBatchBytes,
    MaxEventTimeAhead,
    Prefix,
    SnapshotRetention,
    TopicPartitioner,
)
from ltv.stop_signals import StopFlag

DEFAULTS: Final = Settings(Cluster.model_construct())
MAX_NAME_CHARS: Final = 249
"""The limit of Kafka's Java client for group.instance.id."""


def consume(
    workers: Annotated[
        int,
        typer.Option(min=1, envvar="LTV_WORKERS", help="Worker processes; a worker that dies is restarted."),
    ] = 1,
    top: Annotated[
        int, typer.Option("--top", min=1, max=MAX_TOP, envvar="LTV_TOP", help="How many customers to rank.")
    ] = DEFAULTS.top,
    basis: Annotated[
        Basis,
        typer.Option(
            envvar="LTV_BASIS",
            help="Which weeks count: each customer's own active weeks, or for all customers the weeks from the first "
            "to the last event.",
        ),
    ] = DEFAULTS.basis,
    snapshot_interval_s: Annotated[
        float,
        typer.Option(
            min=0.05,
            max=MAX_TIMEOUT_S,
            envvar="LTV_SNAPSHOT_INTERVAL_S",
            help="Seconds between snapshots.",
        ),
    ] = DEFAULTS.snapshot_interval_s,
    commit_interval_s: Annotated[
        float,
        typer.Option(
            min=0.05,
            max=MAX_TIMEOUT_S,
            envvar="LTV_COMMIT_INTERVAL_S",
            help="Seconds between commits.",
        ),
    ] = DEFAULTS.commit_interval_s,
    complete_within_s: Annotated[
        float,
        typer.Option(
            min=0,
            envvar="LTV_COMPLETE_WITHIN_S",
            help="Seconds: a snapshot is complete if the oldest record that it does not count is at most this old.",
        ),
    ] = DEFAULTS.complete_within_s,
    until_end: Annotated[
        bool,
        typer.Option(
            "--until-end",
            help="Stop when a snapshot counts all records that are on the topic at the start (for backfills).",
        ),
    ] = False,
    connect_timeout_s: Annotated[
        float,
        typer.Option(
            min=1,
            max=MAX_TIMEOUT_S,
            envvar="LTV_CONNECT_TIMEOUT_S",
            help="With --until-end: seconds to wait for the first connection to the brokers; without it a consumer "
            "waits without limit.",
        ),
    ] = DEFAULTS.connect_timeout_s,
    blocked_after_s: Annotated[
        float,
        typer.Option(
            min=0.05,
            max=MAX_TIMEOUT_S,
            envvar="LTV_BLOCKED_AFTER_S",
            help="Seconds for which a producer's open transaction may keep events from being read; then the log and "
            "the snapshots say so, and with --until-end the consumer exits with code 1.",
        ),
    ] = DEFAULTS.blocked_after_s,
    max_batch_bytes: MaxBatchBytes = DEFAULTS.max_batch_bytes,
    max_event_time_ahead: MaxEventTimeAhead = None,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    prefix: Prefix = DEFAULT_PREFIX,
    snapshot_retention_days: SnapshotRetention = DEFAULTS.snapshot_retention_days,
    partitioner: TopicPartitioner = DEFAULTS.partitioner,
    group: Group = None,
    instance_id: Annotated[
        str | None,
        typer.Option(
            envvar="LTV_INSTANCE_ID",
            help="Must stay the same over restarts and be unique in the group: then a restarted consumer gets its "
            "partitions back at once.",
            show_default="the host name and the first free number",
        ),
    ] = None,
    session_timeout_s: Annotated[
        float,
        typer.Option(
            min=1,
            max=MAX_TIMEOUT_S,
            envvar="LTV_SESSION_TIMEOUT_S",
            help="Seconds until other instances take over from a dead one. Brokers allow 6 to 1800 by default.",
        ),
    ] = DEFAULTS.session_timeout_s,
    transaction_timeout_s: Annotated[
        float,
        typer.Option(
            min=1,
            max=MAX_TIMEOUT_S,
            envvar="LTV_TRANSACTION_TIMEOUT_S",
            help="Seconds until the cluster aborts an open transaction. Brokers allow up to 900 by default.",
        ),
    ] = DEFAULTS.transaction_timeout_s,
    max_dead_letters: Annotated[
        int | None,
        typer.Option(
            min=0,
            envvar="LTV_MAX_DEAD_LETTERS",
            help="Stop when one run of a worker meets more invalid events than this.",
            show_default="no limit",
        ),
    ] = None,
    max_dead_letter_ratio: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            envvar="LTV_MAX_DEAD_LETTER_RATIO",
            help="Stop when more than this share of the last few thousand records is invalid; 1 means never.",
        ),
    ] = DEFAULTS.max_dead_letter_ratio,
    max_consecutive_dead_letters: Annotated[
        int | None,
        typer.Option(
            min=1,
            envvar="LTV_MAX_CONSECUTIVE_DEAD_LETTERS",
            metavar="N",
            help="Stop when more invalid events than this follow each other on a partition, also over restarts.",
            show_default="no limit",
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            envvar="LTV_METRICS_PORT",
            help="Serve /metrics (Prometheus), /ready, /live and /customers/ID on this port, for all workers; of "
            "several workers each also has one of the ports after it.",
            show_default="not served",
        ),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(envvar="LTV_METRICS_HOST", help="The address to listen on for metrics.")
    ] = DEFAULTS.metrics_host,
    metrics_allowed_hosts: Annotated[
        str,
        typer.Option(
            envvar="LTV_METRICS_ALLOWED_HOSTS",
            metavar="NAME,...",
            help="Names by which clients may call the metrics port, beside IP addresses, names without a dot and this "
            "host's name.",
            show_default=False,
        ),
    ] = "",
    advertised_url: Annotated[
        str | None,
        typer.Option(
            envvar="LTV_ADVERTISED_URL",
            metavar="URL",
            help="The address at which subscribers reach the metrics port, to ask for a customer; of several workers "
            "each has one of the ports after it.",
            show_default="from the metrics host and port",
        ),
    ] = None,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Read events from Kafka, keep an aggregate of each customer, and emit the top customers, exactly once.

    While no broker answers, the consumer retries; with --until-end it gives up after --connect-timeout-s. With
    settings that can never work, it exits at once with code 1.
    """
    _check_name("--group", group)
    _check_name("--instance-id", instance_id)
    settings = Settings(
        cluster=Cluster.at(bootstrap_servers),
        topics=Topics(events_topic, prefix),
        group=group or prefix,
        instance_id=instance_id or "",
        partitioner=partitioner,
        snapshot_retention_days=snapshot_retention_days,
        top=top,
        basis=basis,
        snapshot_interval_s=snapshot_interval_s,
        commit_interval_s=commit_interval_s,
        session_timeout_s=session_timeout_s,
        transaction_timeout_s=transaction_timeout_s,
        complete_within_s=complete_within_s,
        blocked_after_s=blocked_after_s,
        max_batch_bytes=max_batch_bytes,
        max_event_time_ahead_s=max_event_time_ahead,
        until_end=until_end,
        connect_timeout_s=connect_timeout_s,
        max_dead_letters=max_dead_letters,
        max_dead_letter_ratio=max_dead_letter_ratio,
        max_consecutive_dead_letters=max_consecutive_dead_letters,
        metrics_host=metrics_host,
        metrics_allowed_hosts=tuple(filter(None, map(str.strip, metrics_allowed_hosts.split(",")))),
        metrics_port=metrics_port,
        advertised_url=advertised_url,
        access_token=AccessToken.from_environment(),
    )
    if instance_id:
        run(settings, workers, prepare_process)
        return
    with instance_slot(settings.group, settings.cluster.bootstrap_servers) as slot:
        run(replace(settings, instance_id=slot), workers, prepare_process)


def _check_name(option: str, name: str | None) -> None:
    """Raise Fatal if a name is given that Kafka does not accept."""
    if name is None:
        return
    if not name:
        raise Fatal(f"{option} is empty: give a name, or omit the option")
    if len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise Fatal(f"{option}: at most {MAX_NAME_CHARS} characters, all of them printable")


def prepare_process(stops_within_s: float) -> StopFlag:
    """Set up logs and signals; each process of a consumer calls this first, and ends so long after a signal."""
    logs.configure()
    return StopFlag(_stopped_without_commit, stops_within_s)


def _stopped_without_commit() -> int:
    structlog.get_logger().warning(
        "stopped without the last commit", cause="Kafka does not answer; the next start counts the rest again"
    )
    return 0
