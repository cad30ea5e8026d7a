"""`make bench-files`: the CPU cost of the commands on files: `ltv generate`, `ltv batch`, `ltv publish`.

`ltv publish` is compared with a bare kafka-python producer that sends the same records with the same settings. Both
run in turn, each in its own process; the start of the process is counted for both.
"""

import statistics
import sys
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.conditions import conditions
from benchmarks.contestants import NATIVE, PURE
from benchmarks.measure import LTV, Run, cluster, measure, write_json
from benchmarks.peer_builds import Absent, native_core
from benchmarks.stage import Stage
from contract.customer_key import readable_key

BARE_SEND: Final = """
import sys
from cluster.settings import Cluster
from kafka import KafkaProducer
from producer.publisher import producer_settings
file, topic = sys.argv[1:]
producer = KafkaProducer(**producer_settings(Cluster()))
with open(file, "rb") as lines:
    for line in lines:
        key, _, value = line[:-1].partition(b"\\t")
        producer.send(topic, value=value, key=key)
producer.flush()
producer.close()
"""
NATIVE_BATCH: Final = "ltv batch, native"
GOALS: Final = {"ltv generate": 150_000, "ltv batch": 500_000, NATIVE_BATCH: 1_500_000}
"""Events per CPU second."""
PUBLISH_GOAL: Final = 0.8
"""Of the rate of the bare send."""


def main(
    events: Annotated[int, typer.Option(help="Number of events for generate and batch.")] = 2_000_000,
    published: Annotated[int, typer.Option(help="Number of these events for publish.")] = 500_000,
    customers: Annotated[int, typer.Option(help="Number of customers.")] = 100_000,
    runs: Annotated[int, typer.Option(help="Runs of each command.")] = 3,
    out: Annotated[Path, typer.Option(help="Write the figures to this file, as JSON.")] = Path(
        "benchmarks/results/files.json"
    ),
) -> None:
    """Measure on the cluster of KAFKA_BOOTSTRAP_SERVERS, or on an embedded broker."""
    begun, console = conditions(), Console(stderr=True)
    done: dict[str, list[Run]] = {
        name: [] for name in ("ltv generate", "ltv batch", "bare kafka-python send", "ltv publish")
    }
    try:
        native_core()
        done[NATIVE_BATCH] = []
    except Absent as why:
        console.print(f"{NATIVE_BATCH} does not take part: {why}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="ltv-bench-")))
        all_events, some, keyed = (folder / name for name in ("events.ndjson", "some.ndjson", "some.keyed"))
        for number in range(runs):
            generate = [*LTV, "generate", str(events), "--customers", str(customers), "-o", str(all_events)]
            done["ltv generate"].append(measure(generate, {}))
            done["ltv batch"].append(measure([*PURE, "batch", str(all_events)], {}))
            if NATIVE_BATCH in done:
                done[NATIVE_BATCH].append(measure([*NATIVE, "batch", str(all_events)], {}))
            console.print(f"  files, run {number + 1} of {runs} done")
        with all_events.open("rb") as file:
            lines = list(islice(file, published))
        some.write_bytes(b"".join(lines))
        keyed.write_bytes(b"".join((readable_key(line) or b"") + b"\t" + line for line in lines))
        servers = stack.enter_context(cluster())
        for number in range(runs):
            with Stage(servers, folder) as stage:
                bare = [sys.executable, "-c", BARE_SEND, str(keyed), stage.topics.events]
                done["bare kafka-python send"].append(measure(bare, stage.environment))
                done["ltv publish"].append(measure([*LTV, "publish", str(some)], stage.environment))
            console.print(f"  publish, run {number + 1} of {runs} done")
    counts = {name: published if "send" in name or "publish" in name else events for name in done}
    figures = {name: _figures(of, counts[name]) for name, of in done.items()}
    ratio = figures["ltv publish"]["events_per_cpu_s"] / figures["bare kafka-python send"]["events_per_cpu_s"]
    figures["ltv publish"]["of_bare_send"] = ratio
    _print(figures)
    write_json(out, {**begun, "commands": figures})


def _figures(runs: list[Run], events: int) -> dict[str, Any]:
    return {
        "events": events,
        "events_per_cpu_s": statistics.median(events / run.cpu_s for run in runs),
        "events_per_s": statistics.median(events / run.wall_s for run in runs),
        "peak_mib": max(run.peak_mib for run in runs),
        "runs": [run._asdict() for run in runs],
    }


def _print(figures: dict[str, dict[str, Any]]) -> None:
    table = Table("command", "events per CPU second", "events per second", "peak MiB", "goal")
    for name, of in figures.items():
        goal = f"{GOALS[name]:,}" if name in GOALS else ""
        if name == "ltv publish":
            goal = f"{PUBLISH_GOAL} of the bare send; measured {of['of_bare_send']:.2f}"
        table.add_row(
            name,
            f"{of['events_per_cpu_s']:,.0f}",
            f"{of['events_per_s']:,.0f}",
            f"{of['peak_mib']:,.0f}",
            goal,
        )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
