"""`make bench`: events per CPU second of `ltv consume`, of bare clients and of other stream processors.

The contestants run in turn, several times, in their own processes, in an order that rotates from round to
round. CPU seconds are user + system of all its processes, from its start; a peer on the JVM is measured until it
has committed all events, ours until it ends. A contestant whose top 10 differs from ours is void. Ratios compare
runs of the same round.
"""

import json
import os
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final
from uuid import uuid4

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from benchmarks import chart
from benchmarks.conditions import conditions
from benchmarks.contestants import CONTESTANTS, REFERENCE, Contestant, Job, Top
from benchmarks.halves import commits, our_marks
from benchmarks.load import PARTITIONS, SEED, create_topic, delete_topics, send
from benchmarks.load import events as job_events
from benchmarks.measure import Sample, cluster, measure, write_json
from benchmarks.peer_builds import Absent
from benchmarks.summary import summarize, table_of

LIMIT_S: Final = 900.0
"""A run that takes longer fails."""
PAUSE_S: Final = 2.0
"""The pause between two runs, in which the broker deletes the last run's topics."""
TABLE_WIDTH: Final = 210

console = Console(stderr=True)


def main(
    events: Annotated[int | None, typer.Option(help="Number of events.", show_default="6000000")] = None,
    customers: Annotated[int, typer.Option(help="Number of customers.")] = 100_000,
    runs: Annotated[
        int | None, typer.Option(min=1, help="Runs of each contestant.", show_default="3")
    ] = None,
    only: Annotated[
        str, typer.Option(help='Run only contestants whose names begin so: "ltv,flink hash".')
    ] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="1,000,000 events, 2 runs, few contestants.")
    ] = False,
    out: Annotated[
        Path, typer.Option(help="Write all figures to this file, as JSON, and a chart beside it.")
    ] = Path("benchmarks/results/throughput.json"),
) -> None:
    """Measure on the cluster of KAFKA_BOOTSTRAP_SERVERS, or on an embedded broker."""
    events = events or (1_000_000 if quick else 6_000_000)
    runs = runs or (2 if quick else 3)
    names = [name.strip() for name in only.split(",") if name.strip()]
    chosen = [each for each in CONTESTANTS if not quick or each.quick]
    if names:
        chosen = [each for each in CONTESTANTS if each.name.startswith(tuple(names))]
    if not chosen:
        raise typer.BadParameter(
            f"--only {only}: must begin one of {', '.join(each.name for each in CONTESTANTS)}"
        )
    figures: dict[str, Any] = {
        **conditions(),
        "load": {"customers": customers, "partitions": PARTITIONS, "seed": SEED},
        "contestants": {
            each.name: {"what": each.what, "guarantee": each.guarantee, "runs": []} for each in chosen
        },
    }
    ready = _prepared(chosen, figures)
    with cluster() as servers, TemporaryDirectory(prefix="ltv-bench-") as folder:
        bench = _Bench(servers, Path(folder))
        for count in sorted({min(events, each.most_events) for each in ready}, reverse=True):
            figures["load"]["events" if count == events else f"at most {count}"] = bench.load(
                count, customers
            )
        with Progress(console=console) as progress:
            task = progress.add_task("", total=runs * len(ready))
            for round_number in range(runs):
                first = round_number * len(ready) // runs
                for each in ready[first:] + ready[:first]:
                    progress.update(task, description=f"round {round_number + 1} of {runs}: {each.name}")
                    entry = figures["contestants"][each.name]
                    if "trouble" not in entry:
                        bench.run(each, min(events, each.most_events), round_number, entry)
                    progress.advance(task)
                write_json(out, figures)
    summarize(figures)
    write_json(out, figures)
    chart.write(figures, out.with_suffix(".svg"))
    table = table_of(figures)
    Console(width=max(console.width, TABLE_WIDTH)).print(table)
    console.print(f"{out} and {out.with_suffix('.svg')} have all figures")
    if any("trouble" in figures["contestants"][each.name] for each in ready):
        raise typer.Exit(1)


def _prepared(chosen: list[Contestant], figures: dict[str, Any]) -> list[Contestant]:
    """Build the contestants, and return those that can take part; the others keep a row that says why not."""
    ready = []
    for each in chosen:
        try:
            with console.status(f"Building {each.name}"):
                figures["versions"] |= each.prepare()
            ready.append(each)
        except Absent as why:
            figures["contestants"][each.name]["absent"] = str(why)
            console.print(f"[yellow]{each.name} does not take part: {why}")
    return ready


class _Bench:
    """The loads on a cluster, and the runs on them."""

    def __init__(self, servers: str, folder: Path) -> None:
        self._servers = servers
        self._folder = folder
        self._name = f"bench-{uuid4().hex[:8]}"
        self._reference: dict[int, Top | None] = {}

    def load(self, events: int, customers: int) -> dict[str, Any]:
        """Create a load of this number of events, and rank it with ours: the reference for all contestants."""
        began = time.monotonic()
        with console.status(f"Producing {events:,} events of {customers:,} customers"):
            create_topic(self._servers, self._topic(events), PARTITIONS)
            size = send(self._servers, self._topic(events), job_events(events, customers)).bytes
        console.print(f"{events:,} events of {size / events:.0f} bytes in {time.monotonic() - began:.0f} s")
        job, _ = self._job(REFERENCE, events, "reference")
        environment = self._environment(events)
        measure(REFERENCE.command(job), environment, limit_s=LIMIT_S)
        top = self._reference[events] = REFERENCE.top(job, environment, {})
        if top is None or top.events != events:
            raise RuntimeError(f"ltv consume ranked {top}, of {events:,} events")
        self._clean(job)
        return {"events": events, "bytes_each": size / events, "top": [list(row) for row in top.rows]}

    def run(self, who: Contestant, events: int, number: int, entry: dict[str, Any]) -> None:
        """Run a contestant once on the load of this number of events; its figures, or its error, go into its entry."""
        job, output = self._job(who, events, str(number))
        environment = self._environment(events)
        load_before = os.getloadavg()[0]
        samples: list[Sample] = []
        try:
            with output.open("wb") as stdout:
                run = measure(who.command(job), environment, stdout=stdout, limit_s=LIMIT_S, samples=samples)
            report = _last_json(output)
            top = who.top(job, environment, report)
            if top is not None and top != self._reference[events]:
                raise RuntimeError(f"VOID: its top 10 is not ours: {top} is not {self._reference[events]}")
        except (RuntimeError, subprocess.CalledProcessError, KeyError, ValueError) as why:
            entry["trouble"] = str(why) or repr(why)
            console.print(f"[red]  {who.name}: {escape(entry['trouble'])}", highlight=False)
        else:
            marks = report.get("marks", {})
            if who.is_ours:
                marks = our_marks(run, events, commits(environment, job.prefix), samples)
            figures = {**run._asdict(), "whole_cpu_s": run.cpu_s, "whole_wall_s": run.wall_s}
            if "committed" in marks:
                figures |= {key: marks["committed"][key] for key in ("cpu_s", "wall_s")}
            entry["events"] = job.events
            entry["top"] = "none" if top is None else "the same"
            entry["runs"].append({**figures, "marks": marks, "load_before": load_before})
            console.print(f"  {who.name}: {job.events / figures['cpu_s']:,.0f} events per CPU second")
        self._clean(job)

    def _job(self, who: Contestant, events: int, run: str) -> tuple[Job, Path]:
        prefix = f"{self._topic(events)}-{run}-{who.name.replace(' ', '-')}"
        folder = self._folder / prefix
        folder.mkdir()
        job = Job(events, prefix, folder)
        create_topic(self._servers, job.top, 1)
        return job, folder / "stdout"

    def _environment(self, events: int) -> dict[str, str]:
        return {"KAFKA_BOOTSTRAP_SERVERS": self._servers, "LTV_EVENTS_TOPIC": self._topic(events)}

    def _topic(self, events: int) -> str:
        return f"{self._name}-{events}"

    def _clean(self, job: Job) -> None:
        delete_topics(self._servers, job.prefix)
        time.sleep(PAUSE_S)


def _last_json(output: Path) -> dict[str, Any]:
    """A peer's report, its last line; empty for ours and the bare clients."""
    lines = output.read_text().splitlines()
    report: dict[str, Any] = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    return report


if __name__ == "__main__":
    typer.run(main)
