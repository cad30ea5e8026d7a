"""A limit on event times, off by default: an event can't be much later than the record that carries it.

One UPDATE of the year 9999 pins its order for ever, and stretches the time frame for everybody. The record's timestamp
decides, not the consumer's clock, so that reading the topic again gives the same figures; brokers reject timestamps
that are far ahead of their own clock (message.timestamp.after.max.ms, an hour by default).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from cluster.record_batch import Chunk, Origin
from contract.decode import Invalid
from contract.errors import InvalidEvent
from contract.events import Event

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LAST: Final = datetime.max.replace(tzinfo=UTC)
MAX_TIMESTAMP_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""


def within_limit(
    events: list[Event], invalid: Invalid, origins: Sequence[Origin], ahead_s: float
) -> tuple[list[Event], Invalid]:
    """The events of a chunk that are not later than their records by more than the limit, and the invalid ones.

    Args:
        events: the valid events of the chunk, in order.
        invalid: the indexes and errors of the others.
        origins: of every record of the chunk.
        ahead_s: the limit.
    """
    bad = {i for i, _ in invalid}
    indexes = [i for i in range(len(origins)) if i not in bad]
    limit = timedelta(seconds=ahead_s)
    late: set[int] = set()
    kept: list[Event] = []
    for i, event in zip(indexes, events, strict=True):
        if event.event_time - record_time(origins[i].timestamp_ms) > limit:
            late.add(i)
        else:
            kept.append(event)
    detail = f"later than the record's timestamp by more than --max-event-time-ahead {ahead_s:g} s"
    error = InvalidEvent("invalid_field", "event_time", detail)
    return kept, sorted([*invalid, *((i, error) for i in late)], key=lambda each: each[0])


def latest_time(chunk: Chunk, ahead_s: float) -> datetime:
    """The latest event time that no record of the chunk forbids."""
    at = record_time(chunk.first_timestamp_ms)
    limit = timedelta(seconds=ahead_s)
    return at + limit if limit < LAST - at else LAST


def record_time(timestamp_ms: int) -> datetime:
    """A record's time. Producers may write any number: one outside the range of times becomes its nearest end."""
    return EPOCH + timedelta(milliseconds=max(0, min(timestamp_ms, MAX_TIMESTAMP_MS)))
