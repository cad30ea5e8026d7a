"""`ltv consume`: reads the flags and runs the workers."""

from dataclasses import replace
from typing import Annotated, Final

import typer

from cluster.settings import Cluster
from consumer import logs
from consumer.instance_slot import instance_slot
from consumer.settings import Settings, Transport
from consumer.stream.workers import run
from contract.errors import Fatal
from contract.snapshots import Basis
from contract.topics import DEFAULT_EVENTS_TOPIC, DEFAULT_PREFIX, MAX_TOP, Topics
from ltv.options import BootstrapServers, EventsTopic, Prefix, SnapshotRetention, TopicPartitioner
from ltv.stop_signals import StopFlag

DEFAULTS: Final = Settings(Cluster.model_construct())
MAX_TIMEOUT_S: Final = 2_147_483
"""Kafka's protocol has timeouts as 32-bit numbers of milliseconds."""
MAX_NAME_CHARS: Final = 249
"""As Kafka's own clients have it for group.instance.id."""


def consume(
    workers: Annotated[
        int, typer.Option(min=1, envvar="LTV_WORKERS", help="Worker processes; one that dies is restarted.")
    ] = 1,
    top: Annotated[
        int, typer.Option("--top", min=1, max=MAX_TOP, envvar="LTV_TOP", help="How many customers to rank.")
    ] = DEFAULTS.top,
    basis: Annotated[
        Basis,
        typer.Option(
            envvar="LTV_BASIS",
            help="What counts as weeks: the customer's own active weeks, or the weeks from the first to the last "
            "event, for everybody.",
        ),
    ] = DEFAULTS.basis,
    snapshot_interval_s: Annotated[
        float,
        typer.Option(
            min=0.05,
            max=MAX_TIMEOUT_S,
            envvar="LTV_SNAPSHOT_INTERVAL_S",
            help="Seconds from snapshot to snapshot.",
        ),
    ] = DEFAULTS.snapshot_interval_s,
    commit_interval_s: Annotated[
        float,
        typer.Option(
            min=0.05,
            max=MAX_TIMEOUT_S,
            envvar="LTV_COMMIT_INTERVAL_S",
            help="Seconds from commit to commit.",
        ),
    ] = DEFAULTS.commit_interval_s,
    complete_within_s: Annotated[
        float,
        typer.Option(
            min=0,
            envvar="LTV_COMPLETE_WITHIN_S",
            help="A snapshot calls itself complete if the oldest record that it does not count is at most this old.",
        ),
    ] = DEFAULTS.complete_within_s,
    until_end: Annotated[
        bool,
        typer.Option(
            "--until-end",
            help="Stop when all that is on the topic now is consumed and in a snapshot (for backfills).",
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
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    prefix: Prefix = DEFAULT_PREFIX,
    snapshot_retention_days: SnapshotRetention = DEFAULTS.snapshot_retention_days,
    partitioner: TopicPartitioner = DEFAULTS.partitioner,
    group: Annotated[
        str | None,
        typer.Option(envvar="LTV_GROUP", help="The consumer group.", show_default="the prefix"),
    ] = None,
    instance_id: Annotated[
        str | None,
        typer.Option(
            envvar="LTV_INSTANCE_ID",
            help="Stable over restarts and unique in the group: a restart takes its partitions back at once.",
            show_default="the host's name and the first free number",
        ),
    ] = None,
    session_timeout_s: Annotated[
        float,
        typer.Option(
            min=1,
            max=MAX_TIMEOUT_S,
            envvar="LTV_SESSION_TIMEOUT_S",
            help="Seconds until others take over from an instance that is gone. Brokers allow 6 to 1800 by default.",
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
            help="Stop when more than this share of the last few thousand records is invalid; 1: never.",
        ),
    ] = DEFAULTS.max_dead_letter_ratio,
    transport: Annotated[
        Transport,
        typer.Option(
            envvar="LTV_TRANSPORT",
            help="The Kafka client: confluent is several times as fast, and is installed by the extra `fast`.",
        ),
    ] = DEFAULTS.transport,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            envvar="LTV_METRICS_PORT",
            help="Serve /metrics (Prometheus), /ready and /live here; further workers on the ports after it.",
            show_default="not served",
        ),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(envvar="LTV_METRICS_HOST", help="The address to serve metrics on.")
    ] = DEFAULTS.metrics_host,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Read events from Kafka, keep an aggregate of each customer, and emit the top customers, exactly once.

    While no broker answers, the consumer waits and tries again; with --until-end it gives up after
    --connect-timeout-s. Settings that can never work end it at once, with exit code 1.
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
        until_end=until_end,
        connect_timeout_s=connect_timeout_s,
        transport=transport,
        max_dead_letters=max_dead_letters,
        max_dead_letter_ratio=max_dead_letter_ratio,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
    )
    if instance_id:
        run(settings, workers, prepare_process)
        return
    with instance_slot(settings.group, settings.cluster.bootstrap_servers) as slot:
        run(replace(settings, instance_id=slot), workers, prepare_process)


def _check_name(option: str, name: str | None) -> None:
    """Raise Fatal where a name was given that can't be one."""
    if name is None:
        return
    if not name:
        raise Fatal(f"{option} is empty: give it a name, or leave it out")
    if len(name) > MAX_NAME_CHARS or not name.isprintable():
        raise Fatal(f"{option}: at most {MAX_NAME_CHARS} characters, all of them visible")


def prepare_process() -> StopFlag:
    """Set up logs and signals: the first act of every process of a consumer."""
    logs.configure()
    return StopFlag()
