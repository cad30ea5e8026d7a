"""Medians, spreads and ratios of the throughput benchmark, and its table."""

import statistics
from typing import Any, Final

from rich.box import SIMPLE
from rich.table import Table

from benchmarks.halves import rates_of_halves
from benchmarks.peer_builds import last_line

BASES: Final = ("flink hash", "streams", "plain java", "plain rust")
"""Prefixes of names; all contestants are compared with the best contestant of each prefix."""
SHORT: Final = 60
"""The most characters of an error in the table; the whole error is printed before, and in the JSON."""


def summarize(figures: dict[str, Any]) -> None:
    """Medians, spreads and ratios, into each entry that has runs."""
    rates: dict[str, list[float]] = {}
    halves: dict[str, dict[str, list[float]]] = {"first_half": {}, "second_half": {}}
    for name, entry in figures["contestants"].items():
        if not entry["runs"] or "trouble" in entry:
            continue
        rates[name] = [entry["events"] / run["cpu_s"] for run in entry["runs"]]
        entry["events_per_cpu_s"] = statistics.median(rates[name])
        entry["spread"] = [min(rates[name]), max(rates[name])]
        entry["events_per_s"] = statistics.median(entry["events"] / run["wall_s"] for run in entry["runs"])
        entry["peak_mib"] = max(run["peak_mib"] for run in entry["runs"])
        entry["machine_cores"] = statistics.median(
            run["machine_cpu_s"] / run["whole_wall_s"] for run in entry["runs"]
        )
        if all(run["marks"].get("half") for run in entry["runs"]):
            parts = [rates_of_halves(run["marks"]) for run in entry["runs"]]
            for half, of in zip(halves, zip(*parts, strict=True), strict=True):
                halves[half][name] = list(of)
                entry[f"{half}_events_per_cpu_s"] = statistics.median(of)
    bases = {
        base: max(found, key=lambda name: statistics.median(rates[name]))
        for base in BASES
        if (found := [name for name in rates if name.startswith(base)])
    }
    figures["bases"] = bases
    for name in rates:
        entry = figures["contestants"][name]
        entry["ratios"] = _ratios(name, rates, bases)
        entry["second_half_ratios"] = _ratios(name, halves["second_half"], bases)


def _ratios(name: str, rates: dict[str, list[float]], bases: dict[str, str]) -> dict[str, float]:
    """The median of the ratios within a round, for each base, where both have the rate."""
    return {
        base: statistics.median(a / b for a, b in zip(rates[name], rates[best], strict=True))
        for base, best in bases.items()
        if name in rates and best in rates
    }


def table_of(figures: dict[str, Any]) -> Table:
    """The table for the terminal."""
    bases = figures["bases"]
    columns = (
        *("events per CPU s", "lowest - highest", "1st half", "2nd half"),
        *(f"of {best}" for best in bases.values()),
    )
    table = Table(
        "contestant", *columns, "events/s", "cores in use", "peak MiB", "guarantee", "top 10", box=SIMPLE
    )
    table.caption = (
        "of ...: medians of the ratios within a round; whole / 2nd half. "
        "cores in use: by all processes, the broker's too"
    )
    for column in table.columns:
        column.no_wrap = True
    for column in table.columns[1:-2]:
        column.justify = "right"
    for name, entry in figures["contestants"].items():
        if "events_per_cpu_s" not in entry:
            trouble = entry.get("absent") or entry.get("trouble", "did not run")
            short = "VOID" if trouble.startswith("VOID") else last_line(trouble)[-SHORT:]
            table.add_row(name, *[""] * (len(table.columns) - 2), short)
            continue
        fewer = entry["events"] != figures["load"].get("events", entry)["events"]
        table.add_row(
            name + (f", {entry['events']:,} events" if fewer else ""),
            f"{entry['events_per_cpu_s']:,.0f}",
            " - ".join(f"{rate:,.0f}" for rate in entry["spread"]),
            *(
                f"{entry[key]:,.0f}" if key in entry else ""
                for key in ("first_half_events_per_cpu_s", "second_half_events_per_cpu_s")
            ),
            *(
                " / ".join(
                    f"{of[base]:.2f}" for of in (entry["ratios"], entry["second_half_ratios"]) if base in of
                )
                for base in bases
            ),
            f"{entry['events_per_s']:,.0f}",
            f"{entry['machine_cores']:.1f}",
            f"{entry['peak_mib']:,.0f}",
            entry["guarantee"],
            entry["top"],
        )
    return table
