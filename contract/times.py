"""Instants as text and as stamps: all in UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final

YEAR_ONE: Final = datetime(1, 1, 1, tzinfo=UTC)


def time_text(at: datetime | None) -> str | None:
    """An instant in UTC as RFC 3339 text with Z; None stays None."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def time_of_stamp(stamp: int) -> datetime:
    """The event time of a stamp: its microseconds since 0001-01-01, doubled, plus one for an UPDATE."""
    return YEAR_ONE + timedelta(microseconds=stamp >> 1)
