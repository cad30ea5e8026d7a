"""The series of snapshots: the owner of events partition 0 merges the partials of all partitions into the next one.

Its own partitions' partials come from the transaction at hand, the others' from ltv.partials. The sequence and
the previous ranks go on from the last snapshot on the topic, so restarts and changes of owner leave no gap.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import orjson

from consumer.domain.partial import Partial, merge, time_text
from consumer.settings import Settings
from consumer.stream.transport import StateReader
from contract.snapshots import Snapshot
from contract.topics import Topics

_decode_snapshot = msgspec.json.Decoder(Snapshot).decode


def encode(value: Partial | Snapshot) -> bytes:
    """As JSON, for ltv.partials or ltv.snapshots."""
    plain: Any = msgspec.to_builtins(value)
    return orjson.dumps(plain)


class SnapshotSeries:
    """The series of snapshots, as the owner of partition 0 continues it."""

    def __init__(self, settings: Settings, partitions: int, reader: StateReader) -> None:
        self._settings = settings
        self._partitions = partitions
        self._last = last_snapshot(settings.topics, reader)

    def next(self, partials: Mapping[int, Partial], now: datetime) -> Snapshot:
        """The snapshot that follows the last committed one."""
        last = self._last
        return merge(
            partials.values(),
            x=self._settings.top,
            basis=self._settings.basis,
            partitions=self._partitions,
            sequence=last.sequence + 1 if last else 1,
            emitted_at=time_text(now) or "",
            previous_ranks={row.customer_id: row.rank for row in last.rows} if last else {},
        )

    def committed(self, snapshot: Snapshot) -> None:
        """This snapshot is on the topic."""
        self._last = snapshot


def last_snapshot(topics: Topics, reader: StateReader) -> Snapshot | None:
    """The newest snapshot on the topic, waiting for the last owner's transaction if one is open."""
    start, end = reader.bounds(topics.snapshots, [0])[0]
    last: bytes | None = None
    # The last records of the topic may be transaction markers, which readers never see: look further back.
    look_back = 10
    while last is None and end > start:
        since = max(start, end - look_back)
        for records in reader.read(topics.snapshots, 0, since, end):
            for record in records:
                last = record.value
        if since == start:
            break
        look_back *= 10
    return _decode_snapshot(last) if last else None
