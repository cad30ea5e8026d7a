"""`ltv reset`: forget what was counted, so that the consumer counts all events again."""

import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from contract.errors import Fatal, counted
from contract.topics import (
    DEFAULT_EVENTS_TOPIC,
    DEFAULT_PREFIX,
    DEFAULT_SNAPSHOT_RETENTION_DAYS,
    Topics,
)
from files.output import open_output
from ltv.connected_log_reader import connected_log_reader
from ltv.console.lines import print_line, say
from ltv.options import BootstrapServers, EventsTopic, Group, Prefix, SnapshotRetention

if TYPE_CHECKING:
    from administration.reset import ResetPlan

TRANSACTION_TIMEOUT_S = 15.0


def reset(
    to_earliest: Annotated[
        bool, typer.Option("--to-earliest", help="Count all events that are still on the topic again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON line.")] = False,
    group: Group = None,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    snapshot_retention_days: SnapshotRetention = DEFAULT_SNAPSHOT_RETENTION_DAYS,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Forget what was counted, state and position together. The next consumer counts all events from the start.

    It refuses while a consumer of the group runs. Events that retention has deleted are counted no more. Snapshots go
    on with the next sequence; dead letters stay. If it is interrupted, run it again.
    """
    from kafka import KafkaAdminClient

    from administration.reset import plan_reset, reset_to_earliest
    from cluster.diagnose import connecting
    from cluster.errors import client_errors
    from cluster.settings import Cluster
    from cluster.transactional_client import TransactionalClient

    if not to_earliest:
        raise typer.BadParameter("say where to: there is --to-earliest only", param_hint="--to-earliest")
    cluster, topics, of_group = Cluster.at(bootstrap_servers), Topics(events_topic, prefix), group or prefix
    with ExitStack() as opened:
        reader = opened.enter_context(connected_log_reader(bootstrap_servers))
        with connecting(cluster):
            admin = opened.enter_context(
                closing(KafkaAdminClient(**cluster.client_settings("ltv-reset-admin")))
            )
        plan = plan_reset(reader, admin, topics, of_group)
        if not as_json:
            _print_plan(plan)
        if not dry_run:
            _ask(yes=yes)

            def open_writer() -> TransactionalClient:
                with client_errors("beginning a reset"):
                    client = TransactionalClient(cluster, f"{prefix}-reset", TRANSACTION_TIMEOUT_S)
                return opened.enter_context(closing(client))

            reset_to_earliest(admin, topics, of_group, snapshot_retention_days, open_writer)
            if not as_json:
                print_line("done: start `ltv consume`")
    if as_json:
        with open_output("-") as file:
            shown = {"dry_run": dry_run, **msgspec.to_builtins(plan)}
            file.write(msgspec.json.encode(shown) + b"\n")


def _print_plan(plan: "ResetPlan") -> None:
    print_line(f"group {plan.group} on {plan.events_topic}, state in {plan.changelog}")
    print_line(
        f"  the next consumer counts {counted(plan.to_count, 'offset')}, {plan.counted:,} of them again"
    )
    if plan.deleted_before:
        lost = counted(plan.deleted_before, "offset")
        print_line(f"  LOST: the events before {lost} are deleted, and will be missing from the figures")


def _ask(*, yes: bool) -> None:
    """Go on only after a yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Fatal(
            "this deletes the state that was counted: confirm with --yes, or look first with --dry-run"
        )
    say("This deletes the state that was counted. Type yes to go on: ", end="")
    if sys.stdin.readline().strip() != "yes":
        raise Fatal("nothing was changed")
