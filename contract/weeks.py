"""A week runs from Sunday 00:00 to Saturday 24:00, UTC. Weeks are numbered from the Sunday before 0001-01-01."""

from datetime import date, datetime
from typing import Final

FAR_BLOCK_WEEKS: Final = 512
"""Weeks far from a customer's first one are kept in blocks: block n has the weeks from n x FAR_BLOCK_WEEKS on."""


def week_number(at: datetime) -> int:
    """The week of an instant in UTC. 0001-01-01 was a Monday with ordinal 1: Sundays have multiples of 7."""
    return at.toordinal() // 7


def weeks_between(first: datetime | None, last: datetime | None) -> int:
    """The number of weeks in a time frame, both ends included; 0 if there is no time frame."""
    if first is None or last is None:
        return 0
    return week_number(last) - week_number(first) + 1


def sunday_of(week: int) -> str:
    """The week's first day, a Sunday, as in 2026-01-04; of week 0, its first day that has a date: 0001-01-01."""
    return date.fromordinal(max(1, 7 * week)).isoformat()


def week_of_day(day: str) -> int:
    """The week of a day such as 2026-01-04."""
    return date.fromisoformat(day).toordinal() // 7
