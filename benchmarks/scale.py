"""`make bench-scale`: which costs grow with the size of the state.

First without Kafka, for tables of 10^4, 10^5 and 10^6 customers with ten orders each, in four partitions, each
in its own process: memory per customer and per order, the cost of a snapshot, and the cost of a commit per changed
customer. Then `ltv consume` on a topic, and on a topic with ten times the events, customers and orders.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.conditions import Core, conditions, cores, processes_use
from benchmarks.load import PARTITIONS
from benchmarks.load import events as job
from benchmarks.measure import LTV, cluster, measure, write_json
from benchmarks.restart import orders_of
from benchmarks.stage import Stage
from cluster.record_batch import Chunk
from cluster.settings import Cluster
from consumer.domain.coverage import WHOLE_FILES
from consumer.domain.partial import merge
from consumer.settings import Settings
from consumer.stream.gc_policy import GcPolicy
from consumer.stream.partials import encode
from consumer.stream.partition import Partition
from contract.partitioners import DEFAULT_PARTITIONER, PARTITIONERS
from contract.times import time_text

ORDERS_PER_CUSTOMER: Final = 10
CHANGED: Final = (1_000, 10_000)
"""The numbers of changed customers in a commit."""
REPEATS: Final = 15
CHUNK: Final = 2_000
CHUNKS_PER_COMMIT: Final = 10
WARM_UP: Final = 20_000
BYTES_PER_ORDER: Final = 220
BYTES_PER_CUSTOMER: Final = 500
TICK_GOAL_MS: Final = 10
WITHIN: Final = 0.15
"""The largest difference of throughput at ten times the size."""

console = Console(stderr=True)
Record = tuple[str, bytes]


def main(
    sizes: Annotated[str, typer.Option(help="Numbers of customers of the tables, separated by commas.")] = (
        "10000,100000,1000000"
    ),
    events: Annotated[int, typer.Option(help="Events for ltv consume, then ten times as many; 0: skip.")] = (
        2_000_000
    ),
    customers: Annotated[
        int, typer.Option(help="Customers for ltv consume, then ten times as many.")
    ] = 100_000,
    out: Annotated[Path, typer.Option(help="Write the figures to this file, as JSON.")] = Path(
        "benchmarks/results/scale.json"
    ),
) -> None:
    """Measure; ltv consume runs on the cluster of KAFKA_BOOTSTRAP_SERVERS, or on an embedded broker."""
    figures: dict[str, Any] = {}
    for core in cores():
        with processes_use(core):
            figures[core] = {
                **conditions(),
                "tables": [_grown(int(size)) for size in sizes.split(",")],
                "consume": _consumed(events, customers) if events else [],
            }
        write_json(out, figures)
        _print(core, figures[core])


def _grown(customers: int) -> dict[str, float]:
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        found = process.submit(grow, customers).result()
    console.print(f"  {found}")
    return found


def _consumed(events: int, customers: int) -> list[dict[str, float]]:
    """`ltv consume` on these numbers, and on ten times as many."""
    found = []
    with TemporaryDirectory(prefix="ltv-bench-") as folder, cluster() as servers:
        for factor in (1, 10):
            with Stage(servers, Path(folder)) as stage:
                stage.fill(job(factor * events, factor * customers))
                run = measure([*LTV, "consume", "--until-end"], stage.environment)
            rate = factor * events / run.cpu_s
            found.append({"customers": factor * customers, "events_per_cpu_s": rate})
            console.print(f"  {factor * events:,} events: {rate:,.0f} per CPU second")
    return found


def grow(customers: int) -> dict[str, float]:
    """Fill a table and measure it: bytes, and seconds of this process's CPU."""
    settings = Settings(cluster=Cluster())
    partitions = [Partition(number, settings, PARTITIONS) for number in range(PARTITIONS)]
    collector = GcPolicy(time.monotonic)
    orders = customers * ORDERS_PER_CUSTOMER
    # Memory that the first commits allocate permanently is not counted for the customers. These partitions are kept,
    # because freed memory would be reused.
    kept = [Partition(number, settings, PARTITIONS) for number in range(PARTITIONS)]
    ingest_all(kept, _customers(WARM_UP), collector)
    before = _memory()
    first_s = ingest_all(partitions, _customers(customers), collector)
    with_customers = _memory()
    ingest_s = ingest_all(partitions, orders_of(orders, customers), collector)
    with_orders = _memory()
    figures = {
        "customers": customers,
        "orders": orders,
        "bytes_per_customer": (with_customers - before) / customers,
        "bytes_per_order": (with_orders - with_customers) / orders,
        "events_per_cpu_s": (customers + orders) / (first_s + ingest_s),
    }
    ticks = [_cpu_s(lambda: _tick(partitions)) for _ in range(REPEATS)]
    figures |= {"tick_ms": statistics.median(ticks) * 1000, "slowest_tick_ms": max(ticks) * 1000}
    draw = random.Random(1)
    for changed in CHANGED:
        costs = []
        for _ in range(REPEATS):
            _take(partitions, _purchases(draw, changed, customers))
            costs.append(_cpu_s(lambda: commit_without_kafka(partitions)) / changed)
            collector.after_commit()
        figures[f"commit_us_per_row_of_{changed}"] = statistics.median(costs) * 1e6
    refill = _cpu_s(lambda: _rank_again(partitions))
    rewrite = _cpu_s(lambda: _rewrite(partitions))
    assert kept
    return figures | {"refill_s": refill, "rewrite_s": rewrite}


def _memory() -> int:
    found: int = psutil.Process().memory_info().rss
    return found


def _cpu_s(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def ingest_all(partitions: list[Partition], events: Iterable[Record], collector: GcPolicy) -> float:
    """Ingest events as the loop does, commits included (without Kafka); returns CPU seconds."""
    spent, chunks, events = 0.0, 0, iter(events)
    while some := list(islice(events, CHUNK)):
        batches = _batches(some)
        began = time.process_time()
        for number, chunk in batches:
            partitions[number].ingest(chunk)
        chunks += 1
        if chunks % CHUNKS_PER_COMMIT == 0:
            commit_without_kafka(partitions)
            collector.after_commit()
        spent += time.process_time() - began
    commit_without_kafka(partitions)
    collector.after_commit()
    return spent


def _take(partitions: list[Partition], events: Iterable[Record]) -> None:
    for number, chunk in _batches(list(events)):
        partitions[number].ingest(chunk)


_place = PARTITIONERS[DEFAULT_PARTITIONER]


def into_chunks(events: Iterable[Record], at_once: int) -> Iterator[tuple[int, Chunk]]:
    """The events as chunks of the partitions where they belong, `at_once` events a round."""
    rest = iter(events)
    while some := list(islice(rest, at_once)):
        yield from _batches(some)


def _batches(events: list[Record]) -> Iterator[tuple[int, Chunk]]:
    by_partition: list[list[Record]] = [[] for _ in range(PARTITIONS)]
    for customer, value in events:
        by_partition[_place(customer.encode(), PARTITIONS)].append((customer, value))
    for number, records in enumerate(by_partition):
        if records:
            keys: list[bytes | None] = [key.encode() for key, _ in records]
            values: list[bytes | None] = [value for _, value in records]
            yield number, Chunk(range(len(records)), keys, values)


def commit_without_kafka(partitions: list[Partition]) -> None:
    """Do the work of a commit, without Kafka."""
    for partition in partitions:
        sent: list[bytes] = []
        partition.write_changes(sent.append, rewrites=False)
        encode(partition.partial())
        partition.committed(0, 0, sum(map(len, sent)))


def _rewrite(partitions: list[Partition]) -> None:
    """Write the whole tables, each in as many parts as it takes."""
    for partition in partitions:
        needed_from = None
        while needed_from is None:
            sent: list[bytes] = []
            partition.write_changes(sent.append, rewrites=True)
            needed_from = partition.committed(0, 0, sum(map(len, sent)))


def _rank_again(partitions: list[Partition]) -> None:
    for partition in partitions:
        partition.state.top(10, "active")


def _tick(partitions: list[Partition]) -> bytes:
    """Do the work that a snapshot adds to a commit."""
    return encode(
        merge(
            [partition.partial() for partition in partitions],
            x=10,
            basis="active",
            coverage=WHOLE_FILES,
            sequence=1,
            emitted_at=time_text(datetime.now(UTC)) or "",
            previous_ranks={},
        )
    )


def _customers(customers: int) -> Iterator[Record]:
    for number in range(customers):
        customer = f"{number:012x}"
        yield (
            customer,
            (
                f'{{"type":"CUSTOMER","verb":"NEW","key":"{customer}","event_time":"2025-01-01T00:00:00.000Z",'
                f'"last_name":"Smith{number % 1000}","adr_city":"Middletown","adr_state":"AK"}}'
            ).encode(),
        )


def _purchases(draw: random.Random, count: int, customers: int) -> Iterator[Record]:
    """One new order for each of `count` random customers."""
    for number in draw.sample(range(customers), count):
        customer = f"{number:012x}"
        yield (
            customer,
            (
                f'{{"type":"ORDER","verb":"NEW","key":"{draw.getrandbits(48):012x}",'
                f'"event_time":"2025-12-24T00:00:00.000Z","customer_id":"{customer}","total_amount":"9.99 USD"}}'
            ).encode(),
        )


def _print(core: Core, figures: dict[str, Any]) -> None:
    tables = figures["tables"]
    shown = Table(f"in-process, {core}", *(f"{table['customers']:,} customers" for table in tables), "goal")
    rows = [
        ("bytes per customer", "bytes_per_customer", ",.0f", f"{BYTES_PER_CUSTOMER}"),
        ("bytes per order", "bytes_per_order", ",.0f", f"{BYTES_PER_ORDER}"),
        ("events per CPU second", "events_per_cpu_s", ",.0f", ""),
        ("snapshot tick, ms", "tick_ms", ",.2f", f"{TICK_GOAL_MS}"),
        ("slowest tick, ms", "slowest_tick_ms", ",.2f", ""),
        *(
            (f"commit of {n:,} customers, us each", f"commit_us_per_row_of_{n}", ",.2f", "level")
            for n in CHANGED
        ),
        ("ranking again from the full table, s", "refill_s", ",.2f", ""),
        ("rewriting the whole changelog, s", "rewrite_s", ",.2f", ""),
    ]
    for name, key, form, goal in rows:
        shown.add_row(name, *(f"{table[key]:{form}}" for table in tables), goal)
    Console().print(shown)
    if figures["consume"]:
        shown = Table("events per CPU second", "the job", "ten times the job", "goal")
        one, ten = (run["events_per_cpu_s"] for run in figures["consume"])
        change = f"{ten / one - 1:+.0%}"
        shown.add_row("ltv consume", f"{one:,.0f}", f"{ten:,.0f} ({change})", f"within {WITHIN:.0%}")
        Console().print(shown)


if __name__ == "__main__":
    typer.run(main)
