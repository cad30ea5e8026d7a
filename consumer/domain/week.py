"""A week runs from Sunday 00:00 to Saturday 24:00, UTC. Weeks are numbered from the Sunday before 0001-01-01."""

from datetime import datetime


def week_number(at: datetime) -> int:
    """The week of an instant in UTC. 0001-01-01 was a Monday with ordinal 1: Sundays have multiples of 7."""
    return at.toordinal() // 7


def weeks_between(first: datetime | None, last: datetime | None) -> int:
    """The number of weeks in a time frame, both ends included; 0 if there is no time frame."""
    if first is None or last is None:
        return 0
    return week_number(last) - week_number(first) + 1
