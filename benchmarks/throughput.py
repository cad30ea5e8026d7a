"""`make bench`: events per CPU second of `ltv consume`, beside a bare kafka-python poll of the same topic.

The contestants run in turn, several times, each as a process of its own; CPU seconds are user + system of all its
processes. Every run of ours must come to the same top x, or the figures are void.
"""

import json
import os
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Annotated, Final
from uuid import uuid4

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Run, cluster, measure

LTV: Final = (sys.executable, "-m", "ltv")
PARTITIONS: Final = 4
BARE_POLL: Final = """
import os, sys
from kafka import KafkaConsumer, TopicPartition
topic, events = sys.argv[1], int(sys.argv[2])
consumer = KafkaConsumer(
    bootstrap_servers=os.environ["KAFKA_BOOTSTRAP_SERVERS"], isolation_level="read_committed", max_poll_records=5000,
    max_partition_fetch_bytes=4 << 20, fetch_max_bytes=16 << 20, metrics_enabled=False,
)
partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
consumer.assign(partitions)
consumer.seek_to_beginning(*partitions)
while events > 0:
    events -= sum(map(len, consumer.poll(1000).values()))
"""


def main(
    events: Annotated[int, typer.Option(help="How many events.")] = 2_000_000,
    customers: Annotated[int, typer.Option(help="How many customers.")] = 100_000,
    runs: Annotated[int, typer.Option(help="Runs of each contestant.")] = 3,
    transports: Annotated[
        str, typer.Option(help="Ours, by transport, separated by commas.")
    ] = "kafka-python,confluent",
    out: Annotated[Path | None, typer.Option(help="Write the figures here, as JSON.")] = None,
) -> None:
    """Measure on the cluster of KAFKA_BOOTSTRAP_SERVERS, or on an embedded broker."""
    console = Console(stderr=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="ltv-bench-")))
        servers = stack.enter_context(cluster())
        topic = f"bench-{uuid4().hex[:8]}"
        environment = {"KAFKA_BOOTSTRAP_SERVERS": servers, "LTV_EVENTS_TOPIC": topic}
        console.print(f"{events:,} events of {customers:,} customers to {topic} at {servers}")
        file = str(folder / "events.ndjson")
        for command in (
            ("topics", "create", "--partitions", str(PARTITIONS), "--prefix", topic),
            ("generate", str(events), "--customers", str(customers), "--disorder", "0.1", "-o", file),
            ("publish", file),
        ):
            measured = measure([*LTV, *command], environment)
            console.print(f"  ltv {command[0]}: {events / measured.cpu_s:,.0f} events per CPU second")
        ours = [f"ltv consume, {transport}" for transport in transports.split(",")]
        results: dict[str, list[Run]] = {"bare kafka-python poll": [], **{name: [] for name in ours}}
        tops = set()
        for number in range(runs):
            bare = [sys.executable, "-c", BARE_POLL, topic, str(events)]
            results["bare kafka-python poll"].append(measure(bare, environment))
            for name, transport in zip(ours, transports.split(","), strict=True):
                prefix = f"{topic}-{number}-{transport}"
                options = (
                    "--until-end",
                    "--prefix",
                    prefix,
                    "--instance-id",
                    "bench",
                    "--transport",
                    transport,
                )
                results[name].append(measure([*LTV, "consume", *options], environment))
                tops.add(_top(prefix, environment))
            console.print(f"  run {number + 1} of {runs} done")
    if len(tops) != 1:
        raise RuntimeError(f"the runs came to {len(tops)} different rankings: the figures are void")
    _show(results, events)
    if out:
        out.write_text(
            json.dumps({name: [run._asdict() for run in done] for name, done in results.items()}, indent=1)
        )


def _top(prefix: str, environment: dict[str, str]) -> str:
    """The rows of the newest snapshot, without the ranks before."""
    process = Popen(
        [*LTV, "top", "--json", "--prefix", prefix], env={**os.environ, **environment}, stdout=PIPE, text=True
    )
    snapshot = json.loads(process.communicate()[0])
    return json.dumps([{**row, "previous_rank": None} for row in snapshot["rows"]] + [snapshot["totals"]])


def _show(results: dict[str, list[Run]], events: int) -> None:
    table = Table("who", "events per CPU second", "spread", "ratio", "events per second", "peak MiB")
    base = 0.0
    for name, done in results.items():
        rates = sorted(events / run.cpu_s for run in done)
        middle = statistics.median(rates)
        base = base or middle
        table.add_row(
            name,
            f"{middle:,.0f}",
            f"{rates[0]:,.0f} - {rates[-1]:,.0f}",
            f"{middle / base:.2f}",
            f"{statistics.median(events / run.wall_s for run in done):,.0f}",
            f"{max(run.peak_mib for run in done):,.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
