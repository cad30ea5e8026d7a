"""The tables of the documents, from the benchmarks' results files.

`python -m benchmarks.tables` prints them; `--write` puts each between its markers. A test holds the documents to them.
"""

import json
import re
import statistics
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.conditions import Core

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results"
BEGIN: Final = "<!-- python -m benchmarks.tables --write -->"
END: Final = "<!-- end -->"
ONLY_READ: Final = "none"
DAY_EVENTS: Final = 10**9
"""The events of a day in docs/capacity.md; its customers have ten orders each."""
DAY_CUSTOMERS: Final = 10**7
ORDERS_PER_CUSTOMER: Final = 10
CORES: Final[dict[Core, str]] = {"native": "native core", "python": "pure Python"}
INSTANCES: Final = 4
NEW_ORDERS: Final = 0.2
"""The share of the events that are new orders, where state grows."""

Figures = dict[str, Any]


def whole_table(figures: Figures) -> str:
    """All contestants, with ratios to the best of each kind of peer."""
    bases = figures["bases"]
    measured = _measured(figures)
    rows = [
        [
            _who(entry, figures),
            _rate(entry["events_per_cpu_s"]),
            " - ".join(map(_rate, entry["spread"])),
            _rate(entry.get("second_half_events_per_cpu_s")),
            *(_ratios(entry, base) for base in bases),
            _rate(entry["events_per_s"]),
            f"{entry['machine_cores']:.1f}",
            f"{entry['peak_mib']:,.0f}",
            entry.get("guarantee", ""),
        ]
        for entry in measured.values()
    ]
    titles = ["who", "events per CPU second", "lowest - highest", "its second half"]
    titles += [
        *(f"of {best}" for best in bases.values()),
        "events/s",
        "cores in use",
        "peak MiB",
        "guarantee",
    ]
    return f"{_conditions(figures)}\n\n{_markdown(titles, rows)}"


def short_table(figures: Figures) -> str:
    """One process of ours, and the best of each kind of peer."""
    measured = _measured(figures)
    names = [name for name in measured if name.startswith("ltv") and " x" not in name]
    names += [name for name in figures["bases"].values() if name in measured]
    rows = [
        [
            _who(measured[name], figures),
            _rate(measured[name]["events_per_cpu_s"]),
            f"{measured[name]['peak_mib']:,.0f}",
        ]
        for name in names
    ]
    return f"{_conditions(figures)}\n\n{_markdown(['who', 'events per CPU second', 'peak MiB'], rows)}"


def dashboard_tables(dashboard: Figures, page: Figures) -> str:
    """What subscribers cost, and what the page does."""
    return f"{_subscribers_table(dashboard)}\n\n{_page_table(page)}"


def _page_table(figures: Figures) -> str:
    """What the page weighs, and when it shows the ranking."""
    weight, machine = figures["weight"], figures["machine"]
    text = textwrap.fill(
        f"The page is {weight['files']} files: {weight['sent_kb']:.0f} KB as sent, {weight['unpacked_kb']:.0f} KB "
        f"unpacked, charts included. From its address to the first ranking, with nothing kept from before "
        f"(`make bench-page`, Chromium on {machine['cores']} shared cores, {_when(figures)}):",
        120,
    )
    rows = [
        [run["network"], f"{run['ranking_ms'] / 1000:.1f}", f"{run['slowest_ms'] / 1000:.1f}"]
        for run in figures["runs"]
    ]
    return f"{text}\n\n{_markdown(['network', 's, median', 's, slowest'], rows)}"


def _subscribers_table(figures: Figures) -> str:
    """The delay until all subscribers have a snapshot, and what they cost."""
    rows = [
        [
            f"{run['subscribers']:,}",
            run["server"],
            f"{run['p50_ms']:.1f}",
            f"{run['p99_ms']:.1f}",
            f"{run['memory_mib']:.0f}",
            f"{run['kib_per_subscriber']:.0f}",
            f"{run['cpu_share']:.0%}",
        ]
        for run in figures["runs"]
    ]
    titles = ["subscribers", "server", "p50 ms", "p99 ms", "MiB", "KiB a subscriber", "CPU"]
    text = f"{figures['rows']} rows, a snapshot every {figures['interval_s']:g} s, {_when(figures)}."
    return f"{text}\n\n{_markdown(titles, rows)}"


def customers_table(figures: Figures) -> str:
    """How long an owner takes to answer for one customer."""
    rows = [
        [
            str(run["clients"]),
            f"{run['events_per_s']:,.0f}",
            *(f"{run[name]:.1f}" for name in ("p50_ms", "p99_ms", "max_ms")),
        ]
        for run in figures["runs"]
    ]
    text = f"An owner of {figures['runs'][0]['customers']:,} customers (`make bench-customers`, {_when(figures)}):"
    titles = ["asking at once", "events ingested a second", "p50 ms", "p99 ms", "slowest ms"]
    return f"{text}\n\n{_markdown(titles, rows)}"


def single_table(restart: Figures, latency: Figures, files: Figures, workers: Figures) -> str:
    """Restart, latency, the commands on files, and a second worker."""
    rows = []
    for core, name in CORES.items():
        if core in restart:
            figures = restart[core]
            starts = [run["snapshot_s"] for run in figures["restart"]]
            rate = statistics.median(run["rows_per_s"] for run in figures["restore"])
            when = f"`make bench-restart` {_when(figures)}"
            starts_s = f"{statistics.median(starts):.2f} (slowest {max(starts):.2f})"
            rows += [
                [
                    f"seconds from a restart after SIGKILL to the first complete snapshot, {name}",
                    starts_s,
                    when,
                ],
                [f"rows restored a second, {name}", _rate(rate), when],
            ]
    for run in latency["runs"]:
        title = f"seconds from append to subscriber at {run['rate']:,} events a second, p50 / p99"
        rows.append([title, f"{run['p50']:.2f} / {run['p99']:.2f}", f"`make bench-latency` {_when(latency)}"])
    for name, command in files["commands"].items():
        title = f"events per CPU second, {name}"
        rows.append([title, _rate(command["events_per_cpu_s"]), f"`make bench-files` {_when(files)}"])
    for core, name in CORES.items():
        rounds = workers["cores"][core]["rounds"]
        for number in rounds[0]:
            rate, own, machine = (
                statistics.median(each[number][key] for each in rounds)
                for key in ("events_per_s", "own_cores", "machine_cores")
            )
            title = f"events a second with {number} worker{'s' * (number != '1')}, {name} (cores: its own, all in use)"
            found = f"{_rate(rate)} ({own:.1f}, {machine:.1f})"
            rows.append([title, found, f"`make bench-workers` {_when(workers)}"])
    return _markdown(["what", "measured", "by"], rows)


def capacity_table(throughput: Figures, scale: Figures, restart: Figures) -> str:
    """What a day of 10^9 events costs, by implementation of the state; a cell is empty where nothing was measured."""
    days = [
        _day(throughput["contestants"][f"ltv {contestant}"], scale.get(core, {}), restart.get(core, {}))
        for core, contestant in zip(CORES, ("native", "pure"), strict=True)
    ]
    titles = dict.fromkeys(title for day in sorted(days, key=len, reverse=True) for title in day)
    rows = [[title, *(day.get(title, "") for day in days)] for title in titles]
    runs = {f"`make bench` {_when(throughput)}": None}
    for name, by_core in (("scale", scale), ("restart", restart)):
        runs |= dict.fromkeys(f"`make bench-{name}` {_when(figures)}" for figures in by_core.values())
    table = _markdown([f"{DAY_EVENTS:,} events a day", *CORES.values()], rows)
    return f"{textwrap.fill('; '.join(runs), 120)}.\n\n{table}"


def _day(throughput: Figures, scale: Figures, restart: Figures) -> dict[str, str]:
    """One implementation's column: what the row shows -> its figure."""
    column = {"CPU hours, 100,000 customers": _cpu_hours(throughput["events_per_cpu_s"])}
    for run in scale.get("consume", [])[1:]:
        title = f"CPU hours, {run['customers']:,} customers with ten times the orders"
        column[title] = _cpu_hours(run["events_per_cpu_s"])
    for table in scale.get("tables", [])[-1:]:
        customer, order = table["bytes_per_customer"], table["bytes_per_order"]
        state = DAY_CUSTOMERS * (customer + ORDERS_PER_CUSTOMER * order)
        rewrite_s = table["rewrite_s"] / (table["customers"] + table["orders"])
        column |= {
            "bytes of memory a customer": f"{customer:.0f}",
            "bytes of memory an order": f"{order:.0f}",
            f"GB of memory, {DAY_CUSTOMERS:,} customers with ten orders each": _gb(state),
            "GB of memory more each day, a fifth of the events new orders": _gb(
                DAY_EVENTS * NEW_ORDERS * order
            ),
            "us a row, rewriting a changelog": f"{rewrite_s * 1e6:.1f}",
        }
    if "restore" in restart:
        rate = statistics.median(run["rows_per_s"] for run in restart["restore"])
        rows = DAY_CUSTOMERS * (1 + ORDERS_PER_CUSTOMER) / INSTANCES
        column |= {
            "rows restored a second and process": _rate(rate),
            f"seconds to restore {rows:,.0f} rows": f"{rows / rate:.0f}",
        }
    return column


def _cpu_hours(events_per_cpu_s: float) -> str:
    return f"{DAY_EVENTS / events_per_cpu_s / 3600:.1f}"


def _gb(size_bytes: float) -> str:
    return f"{size_bytes / 1e9:.1f}"


def _when(figures: Figures) -> str:
    return f"{figures['at'][:10]}, commit {figures['versions']['ltv']}"


TABLES: Final[dict[str, tuple[Callable[..., str], tuple[str, ...]]]] = {
    "README.md": (short_table, ("throughput",)),
    "docs/benchmark.md": (whole_table, ("throughput",)),
    "docs/capacity.md": (capacity_table, ("throughput", "scale", "restart")),
    "benchmarks/README.md": (single_table, ("restart", "latency", "files", "workers")),
    "docs/dashboard.md": (dashboard_tables, ("dashboard", "page")),
    "docs/snapshots.md": (customers_table, ("customers",)),
}
"""The document -> what makes its table, and of which results files."""


def table_of(document: str) -> str:
    """A document's table, from the results files."""
    make, names = TABLES[document]
    return make(*(results(name) for name in names))


def results(name: str) -> Figures:
    """The figures of a benchmark's results file."""
    figures: Figures = json.loads((RESULTS / f"{name}.json").read_text())
    return figures


def with_table(text: str, table: str) -> str:
    """The document's text with this table between its markers.

    Raises:
        ValueError: the text has not exactly one pair of markers.
    """
    between = re.compile(f"{re.escape(BEGIN)}\n.*?{re.escape(END)}", re.DOTALL)
    found, count = between.subn(lambda _: f"{BEGIN}\n{table}\n{END}", text)
    if count != 1:
        raise ValueError(f"{count} tables between {BEGIN} and {END}, not one")
    return found


def _measured(figures: Figures) -> dict[str, Any]:
    return {name: entry for name, entry in figures["contestants"].items() if "events_per_cpu_s" in entry}


def _conditions(figures: Figures) -> str:
    load, machine, measured = figures["load"], figures["machine"], _measured(figures)
    ranked = sum(entry["top"] != ONLY_READ for entry in measured.values())
    runs = max(len(entry["runs"]) for entry in measured.values())
    text = (
        f"{load['events']['events']:,} events, {load['customers']:,} customers, {load['partitions']} partitions, "
        f"{machine['cores']} cores that the broker shares ({machine['cpu']}), {runs} runs each, {figures['at'][:10]}, "
        f"commit {figures['versions']['ltv']}. Medians. All {ranked} contestants that rank came to the same ten "
        "customers."
    )
    return textwrap.fill(text, 120)


def _who(entry: dict[str, Any], figures: Figures) -> str:
    what: str = entry["what"].replace("ltv consume", "`ltv consume`")
    fewer = entry["events"] != figures["load"]["events"]["events"]
    return what + (f" ({entry['events']:,} events)" if fewer else "")


def _ratios(entry: dict[str, Any], base: str) -> str:
    """Of the whole runs, and of their second halves where both have such."""
    found = [entry["ratios"], entry.get("second_half_ratios", {})]
    return " / ".join(f"{of[base]:.2f}" for of in found if base in of)


def _rate(rate: float | None) -> str:
    """A rate in thousands, below 10,000 in hundreds."""
    return "" if rate is None else f"{round(rate, -3 if rate >= 10_000 else -2):,.0f}"


def _markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, without the columns in which nothing stands."""
    kept = [i for i in range(len(titles)) if any(row[i] for row in rows)]
    lines = [[row[i] for i in kept] for row in (titles, ["---"] * len(titles), *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(
    write: Annotated[bool, typer.Option("--write", help="Put the tables into the documents.")] = False,
) -> None:
    """Print the tables of the benchmarks' last runs, or write them."""
    for name in TABLES:
        document, table = ROOT / name, table_of(name)
        if write:
            document.write_text(with_table(document.read_text(), table))
        else:
            print(f"{name}:\n\n{table}\n")


if __name__ == "__main__":
    typer.run(main)
