"""`make bench-customers`: how long an owner takes to answer for one customer, while it ingests without a pause.

One process is the worker: it holds the customers, ingests chunk after chunk, does the work of a commit every second
(without Kafka), and serves /customers/ID. Another process asks for random customers, a new connection each.
"""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.conditions import conditions
from benchmarks.load import PARTITIONS
from benchmarks.load import events as job
from benchmarks.measure import write_json
from benchmarks.restart import orders_of
from benchmarks.scale import commit_without_kafka, ingest_all, into_chunks
from broker.readiness import free_port
from cluster.record_batch import CHUNK_RECORDS
from cluster.settings import Cluster
from consumer.customer_page import CustomerAnswers
from consumer.http_port import serve
from consumer.metrics import Metrics
from consumer.settings import Settings
from consumer.stream.gc_policy import GcPolicy
from consumer.stream.lifecycle import Lifecycle
from consumer.stream.owned_customers import OwnedCustomers
from consumer.stream.partition import Partition
from contract.customers import CustomerDetail
from contract.partition_owners import PartitionOwner
from contract.partitioners import DEFAULT_PARTITIONER
from subscriber.owner_client import ask_owner

GOAL_P99_MS: Final = 100.0
LOAD_EVENTS: Final = 200_000
ORDERS_PER_CUSTOMER: Final = 2
CLIENTS: Final = (1, 4)
COMMIT_EVERY_S: Final = 1.0
PATIENCE_S: Final = 30.0

console = Console()


def main(
    customers: Annotated[int, typer.Option(help="Number of customers.")] = 1_000_000,
    requests: Annotated[int, typer.Option(help="Requests of each measurement.")] = 2_000,
    out: Annotated[Path, typer.Option(help="Write the figures to this file, as JSON.")] = Path(
        "benchmarks/results/customers.json"
    ),
) -> None:
    """Measure in this process and one more; needs no Kafka. Exits with 1 if the 99th percentile misses the goal."""
    settings = Settings(Cluster(), worker_id="bench")
    partitions = [Partition(number, settings, PARTITIONS) for number in range(PARTITIONS)]
    collector = GcPolicy(time.monotonic)
    ingest_all(partitions, orders_of(ORDERS_PER_CUSTOMER * customers, customers), collector)
    owned = OwnedCustomers(dict(enumerate(partitions)), DEFAULT_PARTITIONER, PARTITIONS)
    for partition in partitions:
        partition.become(Lifecycle.RUNNING)
    port = free_port()
    serve(Metrics(), "127.0.0.1", port, (), CustomerAnswers(owned.find, settings.worker_id))
    chunks = list(into_chunks(job(LOAD_EVENTS, customers), CHUNK_RECORDS))
    began = conditions()
    figures: list[dict[str, Any]] = []
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        for is_ingesting in (False, True):
            for clients in CLIENTS:
                with _ingesting(partitions, owned, chunks if is_ingesting else [], collector) as rate:
                    found = process.submit(ask_at_random, port, customers, requests, clients).result()
                figures.append({"clients": clients, "events_per_s": rate(), "customers": customers, **found})
                console.print(figures[-1])
    write_json(out, {**began, "runs": figures})
    _print(figures)
    sys.exit(any(each["p99_ms"] > GOAL_P99_MS for each in figures))


@contextmanager
def _ingesting(
    partitions: list[Partition], owned: OwnedCustomers, chunks: list[tuple[int, Any]], collector: GcPolicy
) -> Iterator[Callable[[], float]]:
    """Ingest in a thread during the block, as a session does; the yielded function says how many events a second."""
    done = threading.Event()
    events = 0
    began = time.monotonic()

    def ingest() -> None:
        nonlocal events
        commit_at = time.monotonic() + COMMIT_EVERY_S
        while chunks and not done.is_set():
            for number, chunk in chunks:
                with owned.lock:
                    partitions[number].ingest(chunk)
                events += len(chunk)
                if time.monotonic() >= commit_at:
                    commit_without_kafka(partitions)
                    collector.after_commit()
                    commit_at = time.monotonic() + COMMIT_EVERY_S
                if done.is_set():
                    return

    thread = threading.Thread(target=ingest)
    thread.start()
    try:
        yield lambda: events / (time.monotonic() - began)
    finally:
        done.set()
        thread.join()


def ask_at_random(port: int, customers: int, requests: int, clients: int) -> dict[str, float]:
    """Ask for random customers; the percentiles of the time to each answer, in ms."""
    draw = random.Random(1)
    owner = PartitionOwner(next_offset=0, owner=f"http://127.0.0.1:{port}", worker_id="bench")

    def ask(number: int) -> float:
        began = time.perf_counter()
        found = ask_owner(owner, f"{number:012x}", None, PATIENCE_S)
        took_ms = (time.perf_counter() - began) * 1000
        assert isinstance(found, CustomerDetail), found
        return took_ms

    with ThreadPoolExecutor(clients) as pool:
        took = list(pool.map(ask, [draw.randrange(customers) for _ in range(requests)]))
    percentiles = quantiles(took, n=1000, method="inclusive")
    return {"p50_ms": percentiles[499], "p99_ms": percentiles[989], "max_ms": max(took)}


def _print(figures: list[dict[str, Any]]) -> None:
    shown = Table("asking at once", "ingested, events/s", "p50 ms", "p99 ms", "max ms")
    for each in figures:
        times = (f"{each[name]:,.1f}" for name in ("p50_ms", "p99_ms", "max_ms"))
        shown.add_row(str(each["clients"]), f"{each['events_per_s']:,.0f}", *times)
    console.print(shown)


if __name__ == "__main__":
    typer.run(main)
