"""`make bench-dashboard`: how long a snapshot takes to all subscribers of one process, and what each of them costs.

The dashboard's server and a bare Starlette send the same bytes to the same clients, one after the other. The delay is
the time from the snapshot's making until a client has all of it, for every client and every snapshot.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from statistics import quantiles
from subprocess import Popen
from time import time
from typing import Annotated, Any, Final

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.conditions import conditions
from benchmarks.measure import MIB, write_json
from benchmarks.stream_servers import HOST
from broker.readiness import free_port
from web.open_files import allow_open_files

KINDS: Final = ("dashboard", "bare")
REQUEST: Final = b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
EMITTED: Final = b'"emitted_at":"'
TIME_CHARS: Final = len("2026-01-01T00:00:00.000000+00:00")
CONNECTED_AT_ONCE: Final = 20
START_S: Final = 60.0


def main(
    subscribers: Annotated[str, typer.Option(help="Numbers of subscribers.")] = "10,100,1000,2000",
    seconds: Annotated[float, typer.Option(help="Seconds of each measurement.")] = 20,
    interval_s: Annotated[float, typer.Option(help="Seconds between snapshots.")] = 1.0,
    rows: Annotated[int, typer.Option(help="Customers in a snapshot.")] = 10,
    out: Annotated[Path, typer.Option(help="Write the figures to this file, as JSON.")] = Path(
        "benchmarks/results/dashboard.json"
    ),
) -> None:
    """Measure; server and clients share this machine."""
    counts = [int(count) for count in subscribers.split(",")]
    allow_open_files(max(counts) + 100)
    began = conditions()
    found: list[dict[str, Any]] = []
    for count in counts:
        for kind in KINDS:
            with server_of(kind, interval_s, rows) as (server, port):
                found.append({"server": kind, "subscribers": count, **_figures(server, port, count, seconds)})
            Console(stderr=True).print(f"  {kind} with {count} subscribers done")
    write_json(out, {**began, "interval_s": interval_s, "rows": rows, "seconds": seconds, "runs": found})
    _print(found)


@contextmanager
def server_of(kind: str, interval_s: float, rows: int) -> Iterator[tuple[psutil.Process, int]]:
    """One of `benchmarks.stream_servers` and its port, until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.stream_servers", kind, str(port), str(interval_s), str(rows)]
    with Popen(command) as process:
        try:
            yield psutil.Process(process.pid), port
        finally:
            process.kill()


class _Client(asyncio.Protocol):
    """One connection; all of them add to the same list of delays, in seconds."""

    def __init__(self, delays: list[float]) -> None:
        self._delays, self._left = delays, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        *events, self._left = (self._left + data).split(b"\n\n")
        for event in events:
            _, found, rest = event.partition(EMITTED)
            if found:
                emitted = datetime.fromisoformat(rest[:TIME_CHARS].decode())
                self._delays.append(time() - emitted.timestamp())


def _figures(server: psutil.Process, port: int, count: int, seconds: float) -> dict[str, Any]:
    return asyncio.run(_measured(server, port, count, seconds))


async def _measured(server: psutil.Process, port: int, count: int, seconds: float) -> dict[str, Any]:
    delays: list[float] = []
    await _connect_when_open(port, delays)
    memory_of_one = server.memory_info().rss
    for started in range(1, count, CONNECTED_AT_ONCE):
        more = min(CONNECTED_AT_ONCE, count - started)
        await asyncio.gather(*(_connect(port, delays) for _ in range(more)))
    await _all_get_the_same(delays, count)
    delays.clear()
    cpu_before = sum(server.cpu_times()[:2])
    began = time()
    await asyncio.sleep(seconds)
    passed = time() - began
    percentiles = quantiles(delays, n=100)
    return {
        "delivered": len(delays),
        "p50_ms": 1000 * percentiles[49],
        "p99_ms": 1000 * percentiles[98],
        "memory_mib": server.memory_info().rss / MIB,
        "kib_per_subscriber": (server.memory_info().rss - memory_of_one) / 1024 / max(1, count - 1),
        "cpu_share": (sum(server.cpu_times()[:2]) - cpu_before) / passed,
    }


async def _connect_when_open(port: int, delays: list[float]) -> None:
    end = time() + START_S
    while time() < end:
        with suppress(OSError):
            return await _connect(port, delays)
        await asyncio.sleep(0.1)
    raise RuntimeError(f"the server does not listen after {START_S:.0f} s")


async def _connect(port: int, delays: list[float]) -> None:
    await asyncio.get_running_loop().create_connection(lambda: _Client(delays), HOST, port)


async def _all_get_the_same(delays: list[float], count: int) -> None:
    """Wait until every client has had a snapshot or two, so that connecting is over."""
    delays.clear()
    while len(delays) < 2 * count:
        await asyncio.sleep(0.1)


def _print(found: list[dict[str, Any]]) -> None:
    table = Table("subscribers", "server", "p50 ms", "p99 ms", "memory MiB", "KiB each", "CPU")
    for run in found:
        table.add_row(
            f"{run['subscribers']:,}",
            run["server"],
            f"{run['p50_ms']:.1f}",
            f"{run['p99_ms']:.1f}",
            f"{run['memory_mib']:.0f}",
            f"{run['kib_per_subscriber']:.1f}",
            f"{run['cpu_share']:.0%}",
        )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
