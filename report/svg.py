"""Charts as SVG text. Colours are the page's classes, so that one picture is right in light, dark and print."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, NamedTuple

from contract.printable import printable

WIDTH: Final = 720
TICK_SHARES: Final = (0, 0.25, 0.5, 0.75, 1)
LINE_CLASSES: Final = 5


def shown(text: str, limit: int | None = None) -> str:
    """Text from outside for the page: control and bidi characters escaped, at most `limit` characters, HTML-safe."""
    text = printable(text)
    if limit is not None and len(text) > limit:
        text = text[: limit - 1] + "…"
    return escape(text)


class Point(NamedTuple):
    """A point of a line: how far right and how far up, both from 0 to 1."""

    right: float
    up: float


def _svg(height: float, title: str, parts: Iterable[str]) -> str:
    body = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{shown(title)}">\n'
        f"<title>{shown(title)}</title>\n{body}\n</svg>"
    )


def _text(x: float, y: float, text: str, css: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}">{shown(text)}</text>'


def bar_chart(title: str, bars: Sequence[tuple[str, int]]) -> str:
    """Upright bars of equal width: each a label and a number, which stands above it."""
    left, top, height, bottom = 40, 24, 180, 60
    most = max((number for _, number in bars), default=0) or 1
    step = (WIDTH - 2 * left) / max(1, len(bars))
    parts = []
    for i, (label, number) in enumerate(bars):
        x, tall = left + i * step, height * number / most
        middle = x + step / 2
        parts.append(
            f'<rect x="{x + 1:.1f}" y="{top + height - tall:.1f}" width="{step - 2:.1f}" height="{tall:.1f}" '
            'class="bar">'
            f"<title>{shown(label)}: {number:,}</title></rect>"
        )
        if number:
            parts.append(_text(middle, top + height - tall - 5, f"{number:,}", "small middle on-cell"))
        parts.append(
            f'<text class="small end" transform="translate({middle + 5:.1f},{top + height + 14}) rotate(-35)">'
            f"{shown(label)}</text>"
        )
    parts.append(
        f'<line x1="{left}" x2="{WIDTH - left}" y1="{top + height}" y2="{top + height}" class="axis"/>'
    )
    return _svg(top + height + bottom, title, parts)


def heat_map(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """Cells with shares from 0 to 1, as colour and as per cent; one row a label and its shares, from the left."""
    left, top, tall = 130, 24, 22
    step = (WIDTH - left - 4) / max(1, len(columns))
    parts = [_text(left + (i + 0.5) * step, top - 8, name, "small middle") for i, name in enumerate(columns)]
    for number, (label, shares) in enumerate(rows):
        y = top + number * tall
        parts.append(_text(left - 8, y + 15, label, "small end"))
        for i, share in enumerate(shares):
            x = left + i * step
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{step - 1:.1f}" height="{tall - 1}" class="cell" '
                f'style="--share:{share:.3f}"/>'
            )
            parts.append(_text(x + step / 2, y + 15, f"{share:.0%}", "small middle on-cell"))
    return _svg(top + len(rows) * tall + 4, title, parts)


def two_rankings(
    title: str,
    heads: tuple[str, str],
    rankings: tuple[Sequence[tuple[str, str, float]], Sequence[tuple[str, str, float]]],
) -> str:
    """Two rankings side by side, with a line from each name to itself where it is in both.

    Args:
        title: of the picture.
        heads: above each ranking.
        rankings: for each place a name, its figure as text, and the length of its bar from 0 to 1.
    """
    top, tall, wide = 30, 28, 290
    parts = []
    for side, (head, ranking) in enumerate(zip(heads, rankings, strict=True)):
        x = 0 if side == 0 else WIDTH - wide
        parts.append(_text(x + 4, 16, head, "strong"))
        for place, (name, figure, length) in enumerate(ranking):
            y = top + place * tall
            parts.append(
                f'<rect x="{x}" y="{y}" width="{max(1.0, wide * length):.1f}" height="{tall - 6}" class="soft"/>'
            )
            parts.append(_text(x + 6, y + 15, f"{place + 1}. {_short(name)}", "small"))
            parts.append(_text(x + wide - 6, y + 15, figure, "small end"))
    places = [{name: place for place, (name, _, _) in enumerate(ranking)} for ranking in rankings]
    for name, place in places[0].items():
        if name in places[1]:
            y1, y2 = (top + at * tall + 11 for at in (place, places[1][name]))
            parts.append(f'<line x1="{wide}" x2="{WIDTH - wide}" y1="{y1}" y2="{y2}" class="link"/>')
    return _svg(top + max(map(len, rankings)) * tall, title, parts)


def line_chart(
    title: str, lines: Sequence[tuple[str, Sequence[Point]]], ticks: tuple[Sequence[str], Sequence[str]]
) -> str:
    """Lines, each with a name at its end; `ticks` are the labels of both axes at TICK_SHARES."""
    left, top, height, right, bottom = 96, 10, 240, 150, 26
    wide = WIDTH - left - right
    parts = []
    for share, label, below in zip(TICK_SHARES, ticks[1], ticks[0], strict=True):
        y, x = top + height * (1 - share), left + wide * share
        parts.append(f'<line x1="{left}" x2="{left + wide}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(_text(left - 8, y + 4, label, "small end"))
        parts.append(_text(x, top + height + 18, below, "small middle"))
    ends = _apart([top + height * (1 - points[-1].up) if points else top for _, points in lines], 15)
    for number, (name, points) in enumerate(lines):
        css = f"line-{number % LINE_CLASSES + 1}"
        path = " ".join(f"{left + wide * p.right:.1f},{top + height * (1 - p.up):.1f}" for p in points)
        parts.append(f'<polyline points="{path}" class="line {css}"/>')
        parts += [
            f'<circle cx="{left + wide * p.right:.1f}" cy="{top + height * (1 - p.up):.1f}" r="2.5" class="dot {css}"/>'
            for p in points
        ]
        parts.append(_text(left + wide + 8, ends[number] + 4, _short(name, 20), f"small name {css}"))
    return _svg(top + height + bottom, title, parts)


def _short(name: str, limit: int = 24) -> str:
    return name if len(name) <= limit else name[: limit - 1] + "…"


def _apart(places: Sequence[float], least: float) -> list[float]:
    """The places in the same order, moved down so that any two are at least `least` apart."""
    moved = list(places)
    floor = 0.0
    for number in sorted(range(len(places)), key=places.__getitem__):
        moved[number] = max(moved[number], floor)
        floor = moved[number] + least
    return moved
