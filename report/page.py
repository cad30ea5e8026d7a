"""The report: one HTML page with inline pictures, a text for each, no script and no network."""

from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from typing import Final

from contract.errors import counted
from contract.money import money
from contract.weeks import sunday_of
from report.customer_figures import Bar, CustomerFigures, Leader, Standing
from report.svg import TICK_SHARES, Point, bar_chart, heat_map, line_chart, shown, two_rankings

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Customers by lifetime value</title>
<style>
{css}</style>
</head>
<body>
<h1>Customers by lifetime value</h1>
<p>{summary}</p>
{sections}
</body>
</html>
"""


def report_page(figures: CustomerFigures, source: str, now: datetime) -> str:
    """The page.

    Args:
        figures: what it shows.
        source: where the events come from, in words.
        now: when it is made.
    """
    sections = [] if not figures.customers else [_section(*each) for each in _pictures(figures)]
    return _PAGE.format(
        css=files("report").joinpath("page.css").read_text(),
        summary=_summary(figures, source, now),
        sections="\n".join(sections),
    )


def _summary(f: CustomerFigures, source: str, now: datetime) -> str:
    frame = ""
    if f.timeframe_weeks:
        frame = f" over {counted(f.timeframe_weeks, 'week')} from the week of {sunday_of(f.first_week)}"
    return shown(
        f"{counted(f.events, 'event')} of {counted(f.customers, 'customer')}{frame}; revenue {_usd(f.revenue)}; "
        f"{counted(f.invalid, 'invalid event')} left out. From {source}; made {now:%Y-%m-%d %H:%M} UTC. "
        "Lifetime value = 52 x (total spend / weeks) x 10. A week runs from Sunday to Saturday, UTC."
    )


def _section(title: str, picture: str, text: str) -> str:
    caption = f"<figcaption>{shown(text)}</figcaption>"
    return f"<section><h2>{shown(title)}</h2><figure>\n{picture}\n{caption}</figure></section>"


def _pictures(f: CustomerFigures) -> list[tuple[str, str, str]]:
    """Title, picture and text of each."""
    return [
        _money_distribution("Lifetime value, each customer's own weeks", f.ltv, f.ltv_sorted),
        _money_distribution("Total spend", f.spend, f.spend_sorted),
        _weeks(f),
        _cohorts(f),
        _bases(f),
        _leaders(f),
    ]


def _usd(cents: int) -> str:
    dollars, _, rest = money(cents).partition(".")
    return f"{int(dollars):,}.{rest} USD"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "0%"


def _at(ascending: Sequence[int], share: float) -> int:
    """The smallest number that at least this share of the numbers does not exceed."""
    return ascending[max(0, -(-len(ascending) * round(share * 100) // 100) - 1)]


def _money_distribution(title: str, bars: Sequence[Bar], ascending: Sequence[int]) -> tuple[str, str, str]:
    total, tenth = sum(ascending), -(-len(ascending) // 10)
    text = (
        f"How many customers have how much, in USD; the ranges grow. Half have at most {_usd(_at(ascending, 0.5))}, "
        f"nine in ten at most {_usd(_at(ascending, 0.9))}, the richest {_usd(ascending[-1])}. "
        f"The best tenth has {_share(sum(ascending[-tenth:]), total)} of the sum; "
        f"{counted(bars[0].customers, 'customer')} spent nothing."
    )
    first = next((i for i, bar in enumerate(bars) if i and bar.customers), len(bars))
    shown_bars = [(_money_label(bar), bar.customers) for bar in (bars[0], *bars[first:])]
    return title, bar_chart(title, shown_bars), text


def _money_label(bar: Bar) -> str:
    if bar.high <= 1:
        return "0"
    return f"under {bar.high // 100:,}" if bar.low <= 1 else f"from {bar.low // 100:,}"


def _weeks(f: CustomerFigures) -> tuple[str, str, str]:
    title = "Active weeks"
    bars = [
        (str(bar.low) if bar.high - bar.low == 1 else f"{bar.low} to {bar.high - 1}", bar.customers)
        for bar in f.weeks
    ]
    once = sum(weeks == 1 for weeks in f.weeks_sorted)
    text = (
        f"In how many weeks customers were active. {_share(once, f.customers)} were active in one week only, half in "
        f"at most {_at(f.weeks_sorted, 0.5)}, nine in ten in at most {_at(f.weeks_sorted, 0.9)}."
    )
    return title, bar_chart(title, bars), text


def _cohorts(f: CustomerFigures) -> tuple[str, str, str]:
    title = "Cohorts by first week"
    rows = [
        (
            f"{sunday_of(cohort.first_week)} ({cohort.customers:,})",
            [n / cohort.customers for n in cohort.active],
        )
        for cohort in f.cohorts
        if cohort.customers
    ]
    columns = [f"+{n * f.cohort_weeks}" for n in range(len(f.cohorts))]
    whole = sum(cohort.customers for cohort in f.cohorts if len(cohort.active) > 1)
    back = sum(cohort.active[1] for cohort in f.cohorts if len(cohort.active) > 1)
    largest = max(f.cohorts, key=lambda cohort: cohort.customers)
    text = (
        f"Each row: the customers whose first activity lies in the {counted(f.cohort_weeks, 'week')} from that day, "
        "and the share of them who were active then and in each later period (columns: weeks later). "
        f"{_share(back, whole)} were active in the next period. Most came in the period from "
        f"{sunday_of(largest.first_week)}: {counted(largest.customers, 'customer')}."
    )
    return title, heat_map(title, columns, rows), text


def _bases(f: CustomerFigures) -> tuple[str, str, str]:
    title = "Both bases side by side"
    active, frame = f.best["active"], f.best["timeframe"]
    both = {each.customer_id for each in active} & {each.customer_id for each in frame}
    text = (
        "Left, weeks are those in which the customer was active: who spends much in few weeks is first. Right, they "
        f"are the {counted(f.timeframe_weeks, 'week')} of all events: who spends most is first. "
        f"{len(both)} of the first {len(active)} are on both sides. First are {_name(active[0])} with "
        f"{_usd(active[0].ltv)} and {_name(frame[0])} with {_usd(frame[0].ltv)}."
    )
    heads = ("own active weeks", "weeks of all events")
    return title, two_rankings(title, heads, (_places(active), _places(frame))), text


def _places(standings: Sequence[Standing]) -> list[tuple[str, str, float]]:
    most = standings[0].ltv or 1
    return [(_name(each), _usd(each.ltv), each.ltv / most) for each in standings]


def _name(each: Standing | Leader) -> str:
    return each.customer_id if each.last_name is None else f"{each.customer_id} {each.last_name}"


def _leaders(f: CustomerFigures) -> tuple[str, str, str]:
    title = "Lifetime value of the leaders over time"
    most = max((ltv for leader in f.leaders for _, ltv in leader.course), default=0) or 1
    span = max(1, f.timeframe_weeks - 1)
    lines = [
        (_name(leader), [Point((week - f.first_week) / span, ltv / most) for week, ltv in leader.course])
        for leader in f.leaders
    ]
    ticks = (
        [sunday_of(f.first_week + round(share * span)) for share in TICK_SHARES],
        [f"{round(share * most) // 100:,}" for share in TICK_SHARES],
    )
    now = "; ".join(f"{_name(leader)} {_usd(leader.course[-1][1])}" for leader in f.leaders)
    text = (
        "In USD, on the customers' own weeks, after each of their active weeks: an order raises it, a week without one "
        f"lowers it. An order counts from the time of its newest version. At the end: {now}."
    )
    return title, line_chart(title, lines, ticks), text
