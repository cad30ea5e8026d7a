"""The tables of the throughput benchmark in README.md and docs/benchmark.md, from its results file.

`python -m benchmarks.tables` prints them; `--write` puts each between its markers. A test holds the documents to them.
"""

import json
import re
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results" / "throughput.json"
BEGIN: Final = "<!-- python -m benchmarks.tables --write -->"
END: Final = "<!-- end -->"
ONLY_READ: Final = "none"

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
            f"{entry['peak_mib']:,.0f}",
            entry.get("guarantee", ""),
        ]
        for entry in measured.values()
    ]
    titles = ["who", "events per CPU second", "lowest - highest", "its second half"]
    titles += [*(f"of {best}" for best in bases.values()), "events/s", "peak MiB", "guarantee"]
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


TABLES: Final[dict[str, Callable[[Figures], str]]] = {
    "README.md": short_table,
    "docs/benchmark.md": whole_table,
}
"""The document -> what makes its table."""


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
    """Print the tables of the last `make bench`, or write them."""
    figures = json.loads(RESULTS.read_text())
    for name, table_of in TABLES.items():
        document, table = ROOT / name, table_of(figures)
        if write:
            document.write_text(with_table(document.read_text(), table))
        else:
            print(f"{name}:\n\n{table}\n")


if __name__ == "__main__":
    typer.run(main)
