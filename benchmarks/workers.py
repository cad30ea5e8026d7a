"""`make bench-workers`: what a second worker adds, and how much of the machine is in use meanwhile.

`ltv consume --until-end` reads the same topic with one worker and with two, in turn. The rate is that between the
commits from which on a tenth, and nine tenths, of the events are counted: start and end are left out.
"""

import statistics
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final
from uuid import uuid4

import typer
from rich.console import Console

from benchmarks.conditions import Core, conditions, cores, processes_use
from benchmarks.halves import Commit, commits, counted
from benchmarks.load import PARTITIONS, delete_topics
from benchmarks.load import events as job
from benchmarks.measure import LTV, Sample, cluster, measure, write_json
from benchmarks.stage import Stage

WORKERS: Final = (1, 2)
CUSTOMERS: Final = 100_000
FROM, TO = 0.1, 0.9
"""The shares of the events between whose commits is measured."""

console = Console(stderr=True)


def main(
    events: Annotated[
        int, typer.Option(help="Events for the native core; pure Python reads a tenth.")
    ] = 20_000_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs with each number of workers.")] = 3,
    out: Annotated[Path, typer.Option(help="Write the figures to this file, as JSON.")] = Path(
        "benchmarks/results/workers.json"
    ),
) -> None:
    """Measure on the cluster of KAFKA_BOOTSTRAP_SERVERS, or on an embedded broker."""
    figures: dict[str, Any] = {**conditions(), "partitions": PARTITIONS, "cores": {}}
    with TemporaryDirectory(prefix="ltv-bench-") as folder, cluster() as servers:
        for core in cores():
            count = events if core == "native" else events // 10
            with processes_use(core), Stage(servers, Path(folder)) as stage:
                stage.fill(job(count, CUSTOMERS))
                found = {"events": count, "rounds": [_round(stage, core, count) for _ in range(runs)]}
            figures["cores"][core] = found
            write_json(out, figures)
            console.print(f"{core}: a second worker adds {_median_ratio(found) - 1:.0%}")


def _round(stage: Stage, core: Core, events: int) -> dict[str, dict[str, float]]:
    """Number of workers -> its rates."""
    found = {}
    for workers in WORKERS:
        prefix = f"{stage.topics.prefix}-{uuid4().hex[:8]}"
        samples: list[Sample] = []
        command = [*LTV, "consume", "--until-end", "--workers", str(workers), "--prefix", prefix]
        measure(command, stage.environment, samples=samples)
        found[str(workers)] = rates(events, commits(stage.environment, prefix), samples)
        delete_topics(stage.servers, prefix)
        console.print(f"  {core}, workers: {workers}: {found[str(workers)]['events_per_s']:,.0f} events/s")
    return found


def rates(events: int, committed: list[Commit], samples: list[Sample]) -> dict[str, float]:
    """Events counted a second, and cores in use (by ltv, by all), from a tenth of the events to nine tenths.

    Raises:
        RuntimeError: it took too short to measure.
    """
    reached = list(counted(committed))
    begin = next(mark for mark in reached if mark[1] >= events * FROM)
    end = next(mark for mark in reached if mark[1] >= events * TO)
    during = [sample for sample in samples if begin[0] <= sample.at_s <= end[0]]
    if len(during) < 2:
        raise RuntimeError(f"{events:,} events are too few to measure: give more with --events")
    first, last = during[0], during[-1]
    took_s = last.at_s - first.at_s
    return {
        "events_per_s": (end[1] - begin[1]) / (end[0] - begin[0]),
        "own_cores": (last.cpu_s - first.cpu_s) / took_s,
        "machine_cores": (last.machine_cpu_s - first.machine_cpu_s) / took_s,
    }


def _median_ratio(figures: dict[str, Any]) -> float:
    ratios: list[float] = [
        each["2"]["events_per_s"] / each["1"]["events_per_s"] for each in figures["rounds"]
    ]
    return statistics.median(ratios)


if __name__ == "__main__":
    typer.run(main)
