"""`ltv status`: how the application is, on one screen."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
import typer

from contract.topics import (
    DEFAULT_EVENTS_TOPIC,
    DEFAULT_PREFIX,
    DEFAULT_SNAPSHOT_RETENTION_DAYS,
    Topics,
)
from ltv.connected_log_reader import connected_log_reader
from ltv.console.consoles import stdout_console
from ltv.console.json_line import print_json
from ltv.options import BootstrapServers, EventsTopic, Group, Prefix, SnapshotRetention

FETCH_BYTES: Final = 1024 * 1024
DEFAULT_MAX_BEHIND_S: Final = 30.0
DEFAULT_MAX_SNAPSHOT_AGE_S: Final = 30.0


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as one JSON line.")] = False,
    max_behind_s: Annotated[
        float, typer.Option(min=0, help="How old the oldest uncounted event may be, in seconds.")
    ] = DEFAULT_MAX_BEHIND_S,
    max_snapshot_age_s: Annotated[
        float, typer.Option(min=0, help="How old the newest snapshot may be, in seconds.")
    ] = DEFAULT_MAX_SNAPSHOT_AGE_S,
    group: Group = None,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    snapshot_retention_days: SnapshotRetention = DEFAULT_SNAPSHOT_RETENTION_DAYS,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Show how the application is: group, members, partitions with owner, state, lag, snapshot, dead letters, topics.

    The exit code is 0 if it is healthy, else 1; the first lines say what is wrong. All of it is read from the brokers,
    so it is right where no worker runs, too, but for a partition's state: its worker's metrics port is asked for it.
    Dead letters and topic settings that differ are shown, and are no problem by themselves. A lag of 0 means that no
    event is left to count.
    """
    from kafka import KafkaAdminClient

    from administration.status import StatusLimits, problems
    from administration.status_reader import read_status
    from cluster.diagnose import connecting
    from cluster.settings import Cluster
    from ltv.console.status_view import StatusView

    cluster, topics = Cluster.at(bootstrap_servers), Topics(events_topic, prefix)
    with (
        connected_log_reader(bootstrap_servers, fetch_bytes=FETCH_BYTES) as reader,
        connecting(cluster),
        closing(KafkaAdminClient(**cluster.client_settings("ltv-status"))) as admin,
    ):
        now = datetime.now(UTC)
        found = read_status(reader, admin, topics, group or prefix, snapshot_retention_days, now)
    limits = StatusLimits(max_behind_s=max_behind_s, max_snapshot_age_s=max_snapshot_age_s)
    wrong = problems(found, limits)
    if as_json:
        print_json({"healthy": not wrong, "problems": wrong, **msgspec.to_builtins(found)})
    else:
        stdout_console().print(StatusView(found, wrong))
    if wrong:
        raise typer.Exit(1)
