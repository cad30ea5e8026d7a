"""`make bench-page`: what the dashboard's page weighs, and how long a browser takes from its address to the ranking.

Chromium opens the page with nothing kept from before, once for each measurement: from this machine, and as over a
mobile network. The weight is what the server sends for the page's own files, without snapshots.
"""

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Final, NamedTuple

import typer
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.conditions import conditions
from benchmarks.dashboard import START_S, server_of
from benchmarks.measure import write_json
from benchmarks.stream_servers import HOST

CHROMIUMS: Final = ("chromium", "chromium-browser", "google-chrome")
INTERVAL_S: Final = 1.0
WATCH: Final = """window.firstRanking = new Promise(resolve => {
    new MutationObserver((_, observer) => {
        if (!document.querySelector("#table tbody tr")) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
    }).observe(document, { childList: true, subtree: true });
})"""
"""The time from the start of the navigation until the frame that has the first row is painted."""
FILES: Final = """performance.getEntries()
    .filter(each => each.transferSize !== undefined && !each.name.includes("/api/"))
    .map(each => [each.transferSize, each.decodedBodySize])"""
LAST_CHART: Final = "#side figure:nth-of-type(4) canvas"


class Network(NamedTuple):
    """A way to the server."""

    name: str
    mbit_per_s: float | None = None
    """None: without a limit."""
    latency_ms: float = 0.0


NETWORKS: Final = (
    Network("this machine"),
    Network("mobile: 10 Mbit/s, 40 ms", 10.0, 40.0),
    Network("slow mobile: 1.6 Mbit/s, 150 ms", 1.6, 150.0),
)


def main(
    runs: Annotated[int, typer.Option(help="How often the page is opened over each network.")] = 10,
    rows: Annotated[int, typer.Option(help="Customers in a snapshot.")] = 10,
    out: Annotated[Path, typer.Option(help="Write the figures to this file, as JSON.")] = Path(
        "benchmarks/results/page.json"
    ),
) -> None:
    """Measure; server and browser share this machine. Needs Chromium on the PATH, and no Kafka."""
    began = conditions()
    with _chromium() as browser, server_of("dashboard", INTERVAL_S, rows) as (_, port):
        url = f"http://{HOST}:{port}/"
        _wait_for(port)
        _opened(browser, url, NETWORKS[0])  # Warms up server and browser.
        found = [
            _figures(network, [_opened(browser, url, network) for _ in range(runs)]) for network in NETWORKS
        ]
        weight = _opened(browser, url, NETWORKS[0], wait_for=LAST_CHART)
        browser_version = browser.version
    figures = {**began, "browser": browser_version, "rows": rows, "runs": found, "weight": _weight(weight)}
    write_json(out, figures)
    _print(figures)


@contextmanager
def _chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        raise SystemExit("there is no Chromium on the PATH (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def _wait_for(port: int) -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            return socket.create_connection((HOST, port), START_S).close()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


class _Opened(NamedTuple):
    ranking_ms: float
    files: list[tuple[int, int]]
    """Bytes that were sent, and bytes when unpacked."""


def _opened(browser: Browser, url: str, network: Network, *, wait_for: str = "#table tbody tr") -> _Opened:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(WATCH)
    if network.mbit_per_s is not None:
        speed = network.mbit_per_s * 1e6 / 8
        page.context.new_cdp_session(page).send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": network.latency_ms,
                "downloadThroughput": speed,
                "uploadThroughput": speed,
            },
        )
    page.goto(url, wait_until="commit")
    ranking_ms = page.evaluate("window.firstRanking")
    page.locator(wait_for).first.wait_for()
    opened = _Opened(ranking_ms, page.evaluate(FILES))
    context.close()
    return opened


def _figures(network: Network, opened: list[_Opened]) -> dict[str, Any]:
    took = [each.ranking_ms for each in opened]
    return {"network": network.name, "ranking_ms": median(took), "slowest_ms": max(took)}


def _weight(opened: _Opened) -> dict[str, float]:
    return {
        "files": len(opened.files),
        "sent_kb": sum(sent for sent, _ in opened.files) / 1000,
        "unpacked_kb": sum(unpacked for _, unpacked in opened.files) / 1000,
    }


def _print(figures: dict[str, Any]) -> None:
    shown = Table("network", "first ranking after ms", "slowest ms")
    for run in figures["runs"]:
        shown.add_row(run["network"], f"{run['ranking_ms']:,.0f}", f"{run['slowest_ms']:,.0f}")
    weight = figures["weight"]
    Console().print(shown)
    Console().print(
        f"{weight['files']} files, {weight['sent_kb']:.0f} KB sent, {weight['unpacked_kb']:.0f} KB unpacked"
    )


if __name__ == "__main__":
    typer.run(main)
