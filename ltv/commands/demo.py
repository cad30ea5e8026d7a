"""`ltv demo`: run a broker, a shop, a consumer, a dashboard and the live ranking, and remove everything at the end.

The processes are stopped in reverse order: dashboard, shop, consumer, broker. One that misses its deadline is killed.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated, Final

import typer

from broker.readiness import free_port, is_taken
from contract.errors import LtvError, counted
from contract.topics import (
    DEFAULT_EVENTS_TOPIC,
    DEFAULT_PARTITIONS,
    DEFAULT_PREFIX,
    MAX_PARTITIONS,
    MAX_TOP,
    Topics,
)
from ltv.console.lines import say
from ltv.console.progress import download_progress
from ltv.demo.children import Child
from ltv.stop_signals import StopSignals

if TYPE_CHECKING:
    from cluster.settings import Cluster

SERVERS_VARIABLE: Final = "KAFKA_BOOTSTRAP_SERVERS"
RUBBISH: Final = 0.01
SNAPSHOT_INTERVAL_S: Final = 1.0
TOPICS_S: Final = 60.0
CDNOW_S: Final = 300.0
FIRST_SNAPSHOT_S: Final = 60.0
METRICS_PORTS: Final = range(9400, 32_000)
"""Where the workers answer for their customers; below the ports that the kernel gives to clients."""
DASHBOARD_HOST: Final = "127.0.0.1"
DASHBOARD_PORT: Final = 8080

CLUSTER_PREFIX: Final = "ltv-demo"
"""On an existing cluster, the demo uses only topics with this prefix."""


def demo(
    cdnow: Annotated[
        bool,
        typer.Option(
            "--cdnow", help="First publish the CDNOW history: 23,570 real customers of a music shop."
        ),
    ] = False,
    rate: Annotated[float, typer.Option(min=1, help="Events per second from the shop.")] = 3000,
    partitions: Annotated[
        int, typer.Option(min=1, max=MAX_PARTITIONS, help="Partitions of the events topic.")
    ] = DEFAULT_PARTITIONS,
    top: Annotated[int, typer.Option(min=1, max=MAX_TOP, help="How many customers to rank.")] = 10,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of the consumer.")] = 2,
    snapshots: Annotated[
        int | None, typer.Option(min=1, help="End after this many snapshots.", show_default="until Ctrl-C")
    ] = None,
    for_s: Annotated[
        float | None, typer.Option(min=0, help="End after this many seconds.", show_default="until Ctrl-C")
    ] = None,
    dashboard_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The port of the dashboard.", show_default="8080, or a free one"),
    ] = None,
) -> None:
    """Watch a real Kafka broker, a shop and a consumer rank the shop's customers live, until Ctrl-C.

    The ranking is shown here, and on a dashboard for the browser, whose address is printed.
    The broker runs on this machine, with its data in a temporary directory, unless KAFKA_BOOTSTRAP_SERVERS
    names a cluster: there the demo uses the topics ltv-demo.* only. One event in a hundred is invalid on purpose.
    """
    from cluster.diagnose import silence_client_logs
    from cluster.log_reader import LogReader
    from ltv.demo.watch import new_snapshots, show_snapshots

    silence_client_logs()
    logs = Path(mkdtemp(prefix="ltv-demo-logs-"))
    stop = StopSignals()
    try:
        with stop.watched(), ExitStack() as stack, stop.ignored_at_the_end():
            cluster, topics = _kafka(stack)
            environment = _environment(cluster, topics)

            def run(name: str, arguments: Sequence[str]) -> Child:
                with stop.held():
                    command = [sys.executable, "-m", "ltv", *arguments]
                    return stack.enter_context(Child(name, command, environment, logs))

            with _step("creating the topics"):
                run("topics", ["topics", "create", "--partitions", str(partitions)]).finish(TOPICS_S)
            if cdnow:
                with _step("publishing the CDNOW history"):
                    _publish_cdnow(run, str(logs / "cdnow.ndjson"))
            with _step(f"starting {counted(workers, 'worker')} and a shop with {rate:,g} events/s"):
                consumer = run("consumer", _consume_arguments(workers, top))
                shop = run("shop", ["produce", "--rate", str(rate), "--rubbish", str(RUBBISH)])
                port = dashboard_port or _dashboard_port()
                dashboard = run("dashboard", ["dashboard", "--host", DASHBOARD_HOST, "--port", str(port)])
                reader = stack.enter_context(LogReader(cluster))
                received = new_snapshots(reader, topics, [consumer, shop, dashboard], FIRST_SNAPSHOT_S)
                first = next(item for item in received if item)
            say(f"the dashboard is at http://{DASHBOARD_HOST}:{port}/")
            say(_other_terminals(cluster, topics))
            show_snapshots(chain([first], received), reader, topics, count=snapshots, for_s=for_s)
    except KeyboardInterrupt:
        pass  # Ctrl-C is the normal end.
    except LtvError:
        say(f"the logs of the processes are in {logs}")
        raise
    shutil.rmtree(logs)
    say("stopped; nothing is left running")


def _other_terminals(cluster: "Cluster", topics: Topics) -> str:
    """The variables with which another terminal reads what the demo writes."""
    variables = [f"{SERVERS_VARIABLE}={cluster.bootstrap_servers}"]
    if topics.prefix != DEFAULT_PREFIX:
        variables += [f"LTV_PREFIX={topics.prefix}", f"LTV_EVENTS_TOPIC={topics.events}"]
    return f"in other terminals: export {' '.join(variables)}"


def _environment(cluster: "Cluster", topics: Topics) -> dict[str, str]:
    """The variables with which the child processes find the cluster and the topics."""
    return {
        SERVERS_VARIABLE: cluster.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": cluster.security_protocol,
        "LTV_EVENTS_TOPIC": topics.events,
        "LTV_PREFIX": topics.prefix,
    }


def _publish_cdnow(run: Callable[[str, Sequence[str]], Child], history: str) -> None:
    run("cdnow", ["generate", "--cdnow", "-o", history]).finish(CDNOW_S)
    run("publish", ["publish", history]).finish(CDNOW_S)


def _consume_arguments(workers: int, top: int) -> list[str]:
    options = {
        "--workers": workers,
        "--top": top,
        "--snapshot-interval-s": SNAPSHOT_INTERVAL_S,
        "--instance-id": "demo",
        "--metrics-port": _metrics_port(workers),
    }
    return ["consume", *(str(word) for option in options.items() for word in option)]


def _metrics_port(workers: int) -> int:
    """The first of as many ports in a row as the workers and their parent need, on which no program listens."""
    needed = workers + 1
    return next(
        first
        for first in METRICS_PORTS[::needed]
        if not any(is_taken(port) for port in range(first, first + needed))
    )


def _dashboard_port() -> int:
    """The usual port, or a free one if a program listens there."""
    return free_port() if is_taken(DASHBOARD_PORT) else DASHBOARD_PORT


def _kafka(stack: ExitStack) -> tuple["Cluster", Topics]:
    """The cluster that the environment names, or a broker that runs until the stack unwinds; and the topics."""
    from cluster.settings import Cluster

    if servers := os.environ.get(SERVERS_VARIABLE):
        cluster = Cluster.at(servers)
        say(f"using Kafka at {servers}, topics {CLUSTER_PREFIX}.*")
        return cluster, Topics(f"{CLUSTER_PREFIX}.events", CLUSTER_PREFIX)
    from broker import jars
    from broker.embedded import EmbeddedBroker

    jars.fetch(progress=download_progress)
    with _step("starting Kafka"):
        broker = stack.enter_context(EmbeddedBroker())
    cluster = Cluster(bootstrap_servers=broker.bootstrap_servers, security_protocol="PLAINTEXT")
    return cluster, Topics(DEFAULT_EVENTS_TOPIC, DEFAULT_PREFIX)


@contextmanager
def _step(doing: str) -> Iterator[None]:
    """Print what the block does, and afterwards how long it took."""
    started = time.monotonic()
    say(f"{doing}... ", end="")
    try:
        yield
    except BaseException:
        say("")
        raise
    say(f"ready in {time.monotonic() - started:.1f} s")
