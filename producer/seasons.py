"""The times of n events over the year 2025, in order; each hour gets events by its weight, how busy the shop is.

The result is the same on every machine: weights are integers, and random numbers only place an event in its hour.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

START: Final = datetime(2025, 1, 1, tzinfo=UTC)
END: Final = datetime(2026, 1, 1, tzinfo=UTC)

HOUR_MS: Final = 3_600_000
HOUR_WEIGHTS: Final = (9, 8, 7, 5, 4, 3, 2, 1, 1, 1, 2, 3, 5, 6, 7, 8, 9, 9, 8, 8, 9, 10, 11, 10)
"""By hour, UTC; the busiest are American evenings."""

WEEKDAY_WEIGHTS: Final = (10, 9, 9, 10, 11, 13, 14)
"""Monday to Sunday."""

_SECONDS: Final = tuple(f":{minute:02d}:{second:02d}." for minute in range(60) for second in range(60))


def day_weight(day: datetime) -> int:
    """How busy a day is: weekends more than other days, and all days before Christmas."""
    weight = WEEKDAY_WEIGHTS[day.weekday()] * 4
    match day.month, day.day:
        case (11, date) if date >= 24:
            return weight * 2
        case (12, date) if date <= 23:
            return weight * (8 + date // 2) // 4
        case (12, 24 | 25):
            return weight // 4
    return weight


def times(n: int, random: Random) -> Iterator[str]:
    """The texts of n event times from START to END, in order."""
    hours = [START + timedelta(hours=h) for h in range((END - START) // timedelta(hours=1))]
    weights = [HOUR_WEIGHTS[hour.hour] * day_weight(hour) for hour in hours]
    total, before = sum(weights), 0
    draw = random.random
    for hour, weight in zip(hours, weights, strict=True):
        first, past = n * before // total, n * (before + weight) // total
        before += weight
        if first == past:
            continue
        prefix, width = hour.strftime("%Y-%m-%dT%H"), (HOUR_MS - 1) / (past - first)
        for place in range(past - first):
            ms = int((place + draw()) * width)
            yield f"{prefix}{_SECONDS[ms // 1000]}{ms % 1000:03d}Z"


def time_text(at: datetime) -> str:
    """An instant as the text of an event time: UTC, milliseconds, Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
