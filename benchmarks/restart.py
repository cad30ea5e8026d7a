"""`make bench-restart`: how soon a killed consumer emits snapshots again, and how fast it restores its state.

Restart: SIGKILL in the middle of the stream, then the same command again; measured is the time from its start until a
subscriber has the first snapshot of all partitions that counts at least the events committed before. Restore: of a
committed table of orders and customers; measured is the time from the assignment until the worker is ready.
"""

import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final
from urllib.request import urlopen

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.conditions import Core, conditions, cores, processes_use
from benchmarks.load import events as job
from benchmarks.measure import cluster, write_json
from benchmarks.stage import Stage
from broker.readiness import free_port

RESTART_GOAL_S: Final = 2.0
RESTORE_GOAL: Final = 1_000_000
"""Rows a second."""
KILLED_AT: Final = 0.4
"""The share of the events that a snapshot counts when the consumer is killed."""

console = Console(stderr=True)


def main(
    events: Annotated[int, typer.Option(help="Events of the interrupted stream.")] = 6_000_000,
    customers: Annotated[int, typer.Option(help="Number of customers.")] = 100_000,
    orders: Annotated[int, typer.Option(help="Number of orders to restore.")] = 1_000_000,
    runs: Annotated[int, typer.Option(help="Runs of each measurement.")] = 3,
    out: Annotated[Path, typer.Option(help="Write the figures to this file, as JSON.")] = Path(
        "benchmarks/results/restart.json"
    ),
) -> None:
    """Measure on the cluster of KAFKA_BOOTSTRAP_SERVERS, or on an embedded broker."""
    figures: dict[str, Any] = {}
    with TemporaryDirectory(prefix="ltv-bench-") as name, cluster() as servers:
        folder = Path(name)
        for core in cores():
            with processes_use(core):
                figures[core] = {
                    **conditions(),
                    "events": events,
                    "customers": customers,
                    "orders": orders,
                    "restart": [restart(servers, folder, events, customers) for _ in range(runs)],
                    "restore": restore(servers, folder, orders, customers, runs),
                }
            write_json(out, figures)
            _print(core, figures[core])


def restart(servers: str, folder: Path, events: int, customers: int) -> dict[str, float]:
    """Kill and restart; seconds from the start of the second process to each of its stages."""
    with Stage(servers, folder) as stage, stage.snapshots() as snapshots:
        stage.fill(job(events, customers))
        with stage.consume() as first:
            before = snapshots.until(int(events * KILLED_AT))
            time.sleep(random.random())  # So the kill comes at any point between two commits.
            first.kill()
        committed = stage.committed()
        with stage.consume() as second:
            after = snapshots.until(max(committed, before.events))
            logged = second.logged()
            done = {
                "imported_s": logged["imported"],
                "assigned_s": logged["partitions assigned"],
                "ready_s": logged["ready"],
                "snapshot_s": after.at - second.started_at,
                "restored_events": committed,
            }
    console.print(f"  {done}")
    return done


def restore(servers: str, folder: Path, orders: int, customers: int, runs: int) -> list[dict[str, float]]:
    """Restore the same table `runs` times."""
    results = []
    with Stage(servers, folder) as stage:
        stage.fill(orders_of(orders, customers))
        stage.run("consume", "--until-end")
        for _ in range(runs):
            port = free_port()
            with stage.consume("--metrics-port", str(port)) as worker:
                ready = worker.wait_for("ready")
                metrics = _metrics(port)
                rows, seconds = metrics["ltv_restored_rows_total"], metrics["ltv_restore_seconds_total"]
                results.append(
                    {
                        "rows": rows,
                        "seconds": seconds,
                        "rows_per_s": rows / seconds,
                        "assigned_to_ready_s": ready - worker.logged()["partitions assigned"],
                    }
                )
            console.print(f"  {results[-1]}")
    return results


def _metrics(port: int) -> dict[str, float]:
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (line.partition(" ") for line in lines if not line.startswith("#"))
    }


def _print(core: Core, figures: dict[str, Any]) -> None:
    table = Table("median of seconds", f"ltv consume, {core}", "goal")
    stages = (
        ("process start and imports", "imported_s", ""),
        ("connected and assigned", "assigned_s", "imported_s"),
        ("restored", "ready_s", "assigned_s"),
        ("first snapshot of all partitions", "snapshot_s", "ready_s"),
        ("all: restart after SIGKILL", "snapshot_s", ""),
    )
    for name, until, since in stages:
        table.add_row(
            name,
            f"{statistics.median(run[until] - (run[since] if since else 0) for run in figures['restart']):.2f}",
            f"{RESTART_GOAL_S:.0f}" if name.startswith("all") else "",
        )
    table.add_row("slowest restart", f"{max(run['snapshot_s'] for run in figures['restart']):.2f}", "")
    for name, what, goal in (
        ("rows restored per second", "rows_per_s", f"{RESTORE_GOAL:,}"),
        ("rows", "rows", ""),
        ("seconds, assignment to ready", "assigned_to_ready_s", ""),
    ):
        table.add_row(
            name,
            f"{statistics.median(run[what] for run in figures['restore']):,.2f}",
            goal,
        )
    Console().print(table)


def orders_of(orders: int, customers: int) -> Iterator[tuple[str, bytes]]:
    """Orders spread evenly over all customers and the weeks of a year."""
    for number in range(orders):
        customer = f"{number % customers:012x}"
        week = number * 7 // customers % 52
        at = f"2025-{1 + week * 7 // 31:02d}-{1 + week * 7 % 28:02d}T12:00:00.000Z"
        yield (
            customer,
            (
                f'{{"type":"ORDER","verb":"NEW","key":"{number:012x}","event_time":"{at}",'
                f'"customer_id":"{customer}","total_amount":"{1 + number % 500}.{number % 100:02d} USD"}}'
            ).encode(),
        )


if __name__ == "__main__":
    typer.run(main)
