"""`ltv topics`: create the topics, or compare existing topics with the required settings."""

import time
from contextlib import closing
from typing import Annotated, Any, Final

import typer
from kafka import KafkaAdminClient

from cluster.deadline import Deadline
from cluster.diagnose import connecting
from cluster.settings import Cluster
from cluster.topic_setup import differing_settings, ensure_topics, partitions_of, set_topic_settings
from contract.errors import Retriable, counted
from contract.topics import (
    DEFAULT_EVENTS_TOPIC,
    DEFAULT_PARTITIONS,
    DEFAULT_PREFIX,
    DEFAULT_SNAPSHOT_RETENTION_DAYS,
    MAX_PARTITIONS,
    Topics,
    TopicSpec,
)
from ltv.console.json_line import print_json
from ltv.console.lines import print_line
from ltv.options import AsJson, BootstrapServers, EventsTopic, Prefix, SnapshotRetention

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
    fix: Annotated[
        bool,
        typer.Option(
            "--fix",
            help="Change settings of the consumer's own topics that differ. The events topic, and numbers of "
            "partitions, are never changed. A shorter retention deletes records.",
        ),
    ] = False,
    wait_s: Annotated[float, typer.Option(min=0, help="Seconds to wait until a broker answers.")] = 0.0,
    as_json: AsJson = False,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Create the events topic and the consumer's own topics. Existing topics are compared; only --fix changes them."""
    cluster = Cluster.at(bootstrap_servers)
    topics = Topics(events_topic, prefix)
    with connecting(cluster, "creating topics"), closing(_connected(cluster, wait_s)) as admin:
        actual = partitions_of(admin, [events_topic]).get(events_topic, partitions)
        specs = [topics.events_spec(actual), *topics.internal_specs(actual, snapshot_retention_days)]
        created = ensure_topics(admin, specs, replication_factor)
        differing = differing_settings(admin, specs)
        if fix:
            for name in topics.own:
                if wrong := differing.get(name):
                    set_topic_settings(admin, name, {each: right for each, (_, right) in wrong.items()})
    if as_json:
        print_json(
            {"topics": [_created_topic(each, created, differing, topics if fix else None) for each in specs]}
        )
        return
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
        was_fixed = fix and spec.name in topics.own
        for name, (actual_value, right_value) in differing[spec.name].items():
            if was_fixed:
                print_line(f"  {name} was {actual_value}, is {right_value} now")
            else:
                print_line(f"  {name} is {actual_value}, should be {right_value}")


def _created_topic(
    spec: TopicSpec,
    created: set[str],
    differing: dict[str, dict[str, tuple[str | None, str]]],
    fixed: Topics | None,
) -> dict[str, object]:
    """What `create` has done to a topic; `fixed` are the topics whose settings it has set right."""
    return {
        "topic": spec.name,
        "partitions": spec.partitions,
        "created": spec.name in created,
        "settings": differing[spec.name],
        "fixed": bool(differing[spec.name]) and fixed is not None and spec.name in fixed.own,
    }


@topics_app.command("check")
def check_topics(
    as_json: AsJson = False,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    prefix: Prefix = DEFAULT_PREFIX,
    snapshot_retention_days: SnapshotRetention = DEFAULT_SNAPSHOT_RETENTION_DAYS,
    bootstrap_servers: BootstrapServers = None,
) -> None:
    """Compare the topics with what they should be; create and change nothing. The exit code is 1 if any differs."""
    from administration.status_reader import read_topics
    from ltv.console.topic_lines import topic_lines

    cluster, topics = Cluster.at(bootstrap_servers), Topics(events_topic, prefix)
    with connecting(cluster, "looking at the topics"), closing(_connected(cluster, 0)) as admin:
        wrong = read_topics(admin, topics, snapshot_retention_days)
    if as_json:
        print_json({"ok": not wrong, "topics": wrong})
    else:
        for line in topic_lines(wrong) or [
            f"all topics of {prefix} and {events_topic} are as they should be"
        ]:
            print_line(line)
    if wrong:
        raise typer.Exit(1)


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
