"""`make bench-endurance`: an hour under a steady load with everything attached: what grows?

A shop sends events; two workers consume them; a dashboard serves subscribers, of whom some come and go, and some ask
for snapshots and customers; a Prometheus with the rules of ops/ scrapes all three. Each process is looked at every few
seconds: memory, open files, threads. What a worker's own state takes is known from its metrics and shown beside it.
"""

import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import psutil
import typer
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from benchmarks.conditions import conditions
from benchmarks.measure import LTV, MIB, cluster, write_json
from benchmarks.stage import Stage
from broker.readiness import free_port, free_ports_in_a_row

HOST: Final = "127.0.0.1"
SCRAPE: Final = Path(__file__).parents[1] / "ops" / "prometheus"
SAMPLED_EVERY_S: Final = 10.0
STAYING: Final = 20
"""Subscribers that stay."""
SHORT_S: Final = 5.0
"""Seconds after which the subscriber that comes and goes opens another stream."""
STATE_BYTES: Final = "ltv_state_bytes"

console = Console(stderr=True)


def main(
    minutes: Annotated[float, typer.Option(help="How long it runs.")] = 60,
    rate: Annotated[int, typer.Option(help="Events per second.")] = 1_000,
    customers: Annotated[int, typer.Option(help="Number of customers.")] = 20_000,
    out: Annotated[Path, typer.Option(help="Write the figures to this file, as JSON.")] = Path(
        "benchmarks/results/endurance.json"
    ),
) -> None:
    """Measure on the cluster of KAFKA_BOOTSTRAP_SERVERS, or on an embedded broker; needs prometheus on the PATH."""
    if shutil.which("prometheus") is None:
        raise typer.BadParameter("there is no prometheus on the PATH (Debian: apt-get install prometheus)")
    figures: dict[str, Any] = {**conditions(), "minutes": minutes, "rate": rate, "customers": customers}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="ltv-bench-")))
        servers = stack.enter_context(cluster())
        ports = {name: free_ports_in_a_row(3) for name in ("produce", "consume", "dashboard")}
        application = stack.enter_context(Stage(servers, folder))
        prefix = application.topics.prefix
        commands = {
            "consume": ("--workers", "2", "--snapshot-interval-s", "1"),
            "produce": ("--rate", str(rate), "--customers", str(customers), "--rubbish", "0.001"),
            "dashboard": (),
        }
        processes = {
            name: stack.enter_context(_process(name, ports[name], options, application.environment, folder))
            for name, options in commands.items()
        }
        processes["prometheus"] = stack.enter_context(_prometheus(ports, folder))
        _wait_for_snapshot(ports["dashboard"])
        stack.enter_context(_visitors(ports["dashboard"]))
        figures["topics"] = [_topics(servers, prefix)]
        figures["samples"] = _sample(processes, ports["consume"], minutes)
        figures["topics"].append(_topics(servers, prefix))
        figures["snapshot"] = _get(ports["dashboard"], "/api/snapshots/latest")
        figures["logs"] = {file.name: _levels(file) for file in sorted(folder.glob("*.log"))}
    write_json(out, figures)
    _print(figures)


@contextmanager
def _process(
    name: str, port: int, options: tuple[str, ...], environment: Mapping[str, str], folder: Path
) -> Iterator[psutil.Process]:
    option = "--port" if name == "dashboard" else "--metrics-port"
    command = [*LTV, name, *options, option, str(port)]
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        console.print(f"  ltv {name} ended with {process.wait(60)}")


@contextmanager
def _prometheus(ports: Mapping[str, int], folder: Path) -> Iterator[psutil.Process]:
    config = (SCRAPE / "scrape.yml").read_text()
    for documented, name in ((9400, "consume"), (9500, "produce"), (8080, "dashboard")):
        config = config.replace(f"localhost:{documented}", f"localhost:{ports[name]}")
    (folder / "prometheus.yml").write_text(config)
    for rules in SCRAPE.glob("*.rules.yml"):
        shutil.copy(rules, folder)
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={HOST}:{free_port()}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _get(port: int, path: str) -> Any:
    with urllib.request.urlopen(f"http://{HOST}:{port}{path}", timeout=60) as answer:
        return json.load(answer)


def _wait_for_snapshot(port: int) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        with suppress(OSError):
            if _get(port, "/api/health")["snapshot"] is not None:
                return
        time.sleep(0.5)
    raise RuntimeError("there is no snapshot after two minutes")


@contextmanager
def _visitors(port: int) -> Iterator[None]:
    """Subscribers that stay, one that leaves and comes again, and one that asks for snapshots and customers."""
    done = threading.Event()

    def subscribe(leaves_after_s: float) -> None:
        while not done.is_set():
            with suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{port}/api/stream") as stream:
                until = time.monotonic() + leaves_after_s
                while not done.is_set() and time.monotonic() < until and stream.readline():
                    pass

    def ask() -> None:
        while not done.wait(1):
            with suppress(OSError):
                newest = _get(port, "/api/snapshots/latest")
                _get(port, f"/api/snapshots/{max(1, newest['sequence'] // 2)}")
                _get(port, "/api/snapshots?limit=100")
                for row in newest["rows"]:
                    _get(port, f"/api/customers/{row['customer_id']}")

    threads = [threading.Thread(target=subscribe, args=(float("inf"),)) for _ in range(STAYING)]
    threads += [threading.Thread(target=subscribe, args=(SHORT_S,)), threading.Thread(target=ask)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _sample(
    processes: Mapping[str, psutil.Process], metrics_port: int, minutes: float
) -> list[dict[str, Any]]:
    samples = []
    began = time.monotonic()
    while (passed := time.monotonic() - began) < 60 * minutes:
        state = {"consume": _state_mib(metrics_port)}
        for name, process in processes.items():
            for each, one in _family(name, process):
                samples.append({"at_s": passed, "process": each, **_usage(one), "state_mib": state.get(each)})
        time.sleep(SAMPLED_EVERY_S)
    return samples


def _family(name: str, process: psutil.Process) -> Iterator[tuple[str, psutil.Process]]:
    yield name, process
    for number, child in enumerate(sorted(process.children(recursive=True), key=lambda child: child.pid)):
        yield f"{name} {number}", child


def _usage(process: psutil.Process) -> dict[str, float]:
    with process.oneshot():
        return {
            "mib": process.memory_info().rss / MIB,
            "files": process.num_fds(),
            "threads": process.num_threads(),
            "cpu_s": sum(process.cpu_times()[:2]),
        }


def _state_mib(port: int) -> float:
    """The state of all workers as their metrics have it."""
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=60) as answer:
        lines = [line for line in answer.read().decode().splitlines() if line.startswith(STATE_BYTES)]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines) / MIB


def _topics(servers: str, prefix: str) -> dict[str, int]:
    """Topics of the cluster, those of this application, and consumer groups."""
    admin = AdminClient({"bootstrap.servers": servers})
    topics = admin.list_topics(timeout=30).topics
    groups = admin.list_consumer_groups().result().valid
    return {
        "all": len(topics),
        "ours": sum(name.startswith(prefix) for name in topics),
        "groups": len(groups),
    }


def _levels(log: Path) -> dict[str, int]:
    """How many lines of each level a log has."""
    levels: dict[str, int] = {}
    for line in log.read_text(errors="replace").splitlines():
        try:
            level = str(json.loads(line).get("level"))
        except (ValueError, AttributeError):
            level = "text"
        levels[level] = levels.get(level, 0) + 1
    return levels


def _print(figures: dict[str, Any]) -> None:
    table = Table(
        "process", "MiB, 2nd quarter", "MiB, 4th quarter", "state, MiB", "files", "threads", "CPU s"
    )
    samples = figures["samples"]
    end = max(each["at_s"] for each in samples)

    def quarter(process: str, number: int, figure: str) -> float:
        first, last = end * (number - 1) / 4, end * number / 4
        of = [
            each[figure] for each in samples if each["process"] == process and first <= each["at_s"] <= last
        ]
        return median(each or 0 for each in of)

    for process in dict.fromkeys(each["process"] for each in samples):
        pair = {
            figure: [quarter(process, number, figure) for number in (2, 4)]
            for figure in ("mib", "state_mib", "files", "threads")
        }
        table.add_row(
            process,
            *(f"{size:,.1f}" for size in pair["mib"]),
            " to ".join(f"{size:,.1f}" for size in pair["state_mib"]),
            *(" to ".join(f"{count:.0f}" for count in pair[figure]) for figure in ("files", "threads")),
            f"{max(each['cpu_s'] for each in samples if each['process'] == process):,.0f}",
        )
    Console().print(table)
    events = figures["snapshot"]["totals"]["events"]
    before, after = figures["topics"]
    console.print(
        f"  {events:,} events counted; topics and groups {before} to {after}; log lines {figures['logs']}"
    )


if __name__ == "__main__":
    typer.run(main)
