"""`ltv reset`: forget what was counted, so that the consumer counts all events again, or those since a time."""

import sys
from contextlib import ExitStack, closing
from datetime import UTC, datetime
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
from ltv.connected_log_reader import connected_log_reader
from ltv.console.json_line import print_json
from ltv.console.lines import print_line, say
from ltv.options import AsJson, BootstrapServers, EventsTopic, Group, Prefix, SnapshotRetention, time_option

if TYPE_CHECKING:
    from administration.reset import ResetPlan

TRANSACTION_TIMEOUT_S = 15.0


def reset(
    to_earliest: Annotated[
        bool, typer.Option("--to-earliest", help="Count all events that are still on the topic again.")
    ] = False,
    to_time: Annotated[
        str | None,
        typer.Option(
            "--to-time",
            metavar="TIME",
            help="Count only what was written since TIME, such as 2026-01-31T12:00Z; no figure has what was before.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")
    ] = False,
    wait_s: Annotated[
        float,
        typer.Option(
            min=0,
            help="How long to wait until consumers that were stopped are no members of the group any more.",
        ),
    ] = 0.0,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
    group: Group = None,
    events_topic: EventsTopic = DEFAULT_EVENTS_TOPIC,
    snapshot_retention_days: SnapshotRetention = DEFAULT_SNAPSHOT_RETENTION_DAYS,
    bootstrap_servers: BootstrapServers = None,
    prefix: Prefix = DEFAULT_PREFIX,
) -> None:
    """Forget what was counted, state and position together. The next consumer counts from the start, or from a time.

    It refuses while a consumer of the group runs, or has ended less than its session timeout ago (--wait-s waits for
    that). Events that retention has deleted are counted no more. With --to-time
    each partition is counted from its first record with that timestamp or a later one; what customers spent before is
    in no figure. Snapshots go on with the next sequence; dead letters stay. Interrupted, it has happened or not: run
    it again.
    """
    from kafka import KafkaAdminClient

    from administration import reset as administration
    from cluster.diagnose import connecting
    from cluster.errors import client_errors
    from cluster.settings import Cluster
    from cluster.transactional_client import TransactionalClient

    since_ms = _since_ms(to_time, to_earliest=to_earliest)
    cluster, topics, of_group = Cluster.at(bootstrap_servers), Topics(events_topic, prefix), group or prefix
    with ExitStack() as opened:
        reader = opened.enter_context(connected_log_reader(bootstrap_servers))
        with connecting(cluster):
            admin = opened.enter_context(
                closing(KafkaAdminClient(**cluster.client_settings("ltv-reset-admin")))
            )
        plan = administration.plan_reset(reader, admin, topics, of_group, since_ms, wait_s)
        if not as_json:
            _print_plan(plan)
        if not dry_run:
            _ask(yes=yes)

            def open_writer() -> TransactionalClient:
                with client_errors("beginning a reset"):
                    client = TransactionalClient(cluster, f"{prefix}-reset", TRANSACTION_TIMEOUT_S)
                return opened.enter_context(closing(client))

            administration.reset(plan, reader, admin, topics, snapshot_retention_days, open_writer)
            if not as_json:
                print_line("done: start `ltv consume`")
    if as_json:
        print_json({"dry_run": dry_run, **msgspec.to_builtins(plan)})


def _since_ms(to_time: str | None, *, to_earliest: bool) -> int | None:
    """The time to begin at, in ms since 1970; None: at the start."""
    if to_earliest is (to_time is not None):
        raise typer.BadParameter("give one of them", param_hint="--to-earliest, --to-time")
    if to_time is None:
        return None
    at = time_option(to_time, "--to-time")
    if at > datetime.now(UTC):
        raise typer.BadParameter(f"{to_time} is in the future", param_hint="--to-time")
    return int(at.timestamp() * 1000)


def _print_plan(plan: "ResetPlan") -> None:
    print_line(f"group {plan.group} on {plan.events_topic}, state in {plan.changelog}")
    print_line(
        f"  the next consumer counts {counted(plan.to_count, 'offset')}, {plan.counted:,} of them again"
    )
    if plan.left_out:
        print_line(f"  NOT COUNTED: {counted(plan.left_out, 'offset')} from before the time")
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
