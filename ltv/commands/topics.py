"""`ltv topics`: create the topics, or compare existing topics with the required settings."""

import time
from contextlib import closing
from typing import Annotated, Any, Final

import typer
from kafka import KafkaAdminClient

from cluster.deadline import Deadline
from cluster.diagnose import connecting
from cluster.settings import Cluster
from cluster.topic_setup import differing_settings, ensure_topics, partitions_of
from contract.errors import Retriable, counted
from contract.topics import (
    DEFAULT_EVENTS_TOPIC,
    DEFAULT_PARTITIONS,
    DEFAULT_PREFIX,
    DEFAULT_SNAPSHOT_RETENTION_DAYS,
    MAX_PARTITIONS,
    Topics,
)
from ltv.console.lines import print_line
from ltv.options import BootstrapServers, EventsTopic, Prefix, SnapshotRetention

POLL_S: Final = 0.5
MAX_REPLICAS: Final = 32_767
"""The limit of Kafka's protocol."""

topics_app = typer.Typer()


@topics_app.command("create")
def create_topics(
    partitions: Annotated[
        int,
        typer.Option(
            min=1,
            max=MAX_PARTITIONS,
            envvar="LTV_PARTITIONS",
            help="Partitions of the events topic, if it is created.",
        ),
    ] = DEFAULT_PARTITIONS,
    replication_factor: Annotated[
        int,
        typer.Option(
            min=-1, max=MAX_REPLICAS, help="Replicas of each created topic; -1 is the broker's default."
        ),
    ] = -1,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    prefix: Prefix = DEFAULT_PREFIX,
    snapshot_retention_days: SnapshotRetention = DEFAULT_SNAPSHOT_RETENTION_DAYS,
    wait_s: Annotated[float, typer.Option(min=0, help="Seconds to wait until a broker answers.")] = 0.0,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Create the events topic and the consumer's own topics. Existing topics are compared, never changed."""
    cluster = Cluster.at(bootstrap_servers)
    topics = Topics(events_topic, prefix)
    with connecting(cluster, "creating topics"), closing(_connected(cluster, wait_s)) as admin:
        actual = partitions_of(admin, [events_topic]).get(events_topic, partitions)
        specs = [topics.events_spec(actual), *topics.internal_specs(actual, snapshot_retention_days)]
        created = ensure_topics(admin, specs, replication_factor)
        differing = differing_settings(admin, specs)
    for spec in specs:
        what = (
            f"created, {counted(spec.partitions, 'partition')}" if spec.name in created else "exists already"
        )
        print_line(f"{spec.name}: {what}")
        if spec.name == events_topic and actual != partitions:
            print_line(
                f"  the topic has {counted(actual, 'partition')}, not {partitions:,}; "
                "the number can't be changed once events are counted"
            )
        for name, (is_now, should_be) in differing[spec.name].items():
            print_line(f"  {name} is {is_now}, should be {should_be}")


def _connected(cluster: Cluster, wait_s: float) -> Any:
    """An admin client; waits up to `wait_s` for a broker to answer."""
    deadline = Deadline(wait_s)
    while True:
        try:
            with connecting(cluster, "creating topics"):
                return KafkaAdminClient(**cluster.client_settings("ltv-topics"))
        except Retriable:
            if deadline.is_over:
                raise
            time.sleep(POLL_S)
