"""The chart of the throughput benchmark: bars of events per CPU second, as SVG, for light and dark pages."""

import json
import sys
from html import escape
from pathlib import Path
from typing import Any, Final

WIDTH: Final = 860
LABELS: Final = 190
NUMBERS: Final = 150
BAR: Final = 18
ROW: Final = 28
HEAD: Final = 58
STYLE: Final = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 } .note { font-size: 12px; fill: #59636e }
.title { font-size: 17px; font-weight: 600 } .ours { fill: #0969da } .peer { fill: #8c959f } .floor { fill: #d1d9e0 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .note { fill: #9198a1 } .ours { fill: #4493f8 } .peer { fill: #6e7681 }
  .floor { fill: #3d444d }
}
"""


def write(figures: dict[str, Any], path: Path) -> None:
    """Write the chart of a benchmark's figures."""
    bars = [
        (name, entry)
        for name, entry in figures["contestants"].items()
        if entry.get("events_per_cpu_s", 0) > 0
    ]
    bars.sort(key=lambda bar: -bar[1]["events_per_cpu_s"])
    most = bars[0][1]["events_per_cpu_s"] if bars else 1
    height = HEAD + ROW * len(bars) + 12
    load, machine = figures["load"].get("events", {}), figures["machine"]
    note = (
        f"{load.get('events', 0):,} events, {figures['load']['customers']:,} customers, {machine['cores']} cores "
        f"({machine['cpu']}); medians; blue: ltv; pale: a client that only reads"
    )
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="Events per CPU second">',
        f"<style>{STYLE}</style>",
        '<text class="title" x="8" y="24">Events per CPU second</text>',
        f'<text class="note" x="8" y="44">{escape(note)}</text>',
    ]
    for number, (name, entry) in enumerate(bars):
        y, rate = HEAD + ROW * number, entry["events_per_cpu_s"]
        length = (WIDTH - LABELS - NUMBERS) * rate / most
        lines += [
            f'<text x="{LABELS - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{_kind(name)}" x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2">'
            f"<title>{escape(entry['what'])}</title></rect>",
            f'<text x="{LABELS + length + 8:.1f}" y="{y + 14}">{rate:,.0f}</text>',
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, "</svg>", ""]))


def _kind(name: str) -> str:
    first = name.split()[0]
    return {"ltv": "ours", "poll": "floor", "decode": "floor"}.get(first, "peer")


if __name__ == "__main__":
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "benchmarks/results/throughput.json")
    write(json.loads(source.read_text()), source.with_suffix(".svg"))
