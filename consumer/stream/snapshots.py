"""Snapshots: whoever owns events partition 0 merges the partials of all partitions and emits the global top x.

Its own partitions' partials come from the transaction at hand, the others' from ltv.partials. The sequence and
the ranks before go on from the last snapshot on the topic, so restarts and changes of owner leave no gap.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import orjson

from consumer.domain.partial import Partial, merge, time_text
from consumer.settings import Settings
from consumer.stream.transport import LogReader
from contract.snapshots import Snapshot
from contract.topics import Topics

_decode_partial = msgspec.json.Decoder(Partial).decode
_decode_snapshot = msgspec.json.Decoder(Snapshot).decode


def encode(value: Partial | Snapshot) -> bytes:
    """As JSON, for ltv.partials or ltv.snapshots."""
    plain: Any = msgspec.to_builtins(value)
    return orjson.dumps(plain)


class Partials:
    """The newest known partial of every partition. What is known never goes back."""

    def __init__(self, topics: Topics, reader: LogReader) -> None:
        self._topic = topics.partials
        self._reader = reader
        self._read_to = 0
        self.known: dict[int, Partial] = {}

    def catch_up(self, *, wait: bool = False) -> None:
        """Read what has been committed to ltv.partials since the last call.

        Committed records behind an open transaction are not to be had yet; `wait` until it is decided. A new owner
        of the series must, for the last snapshot may count them.
        """
        start, end = self._reader.bounds(self._topic, [0])[0]
        if not wait:
            end = self._reader.committed_ends(self._topic, [0])[0]
        for records in self._reader.read(self._topic, 0, max(start, self._read_to), end):
            for _, key, value in records:
                if key is not None and value is not None:
                    self.put({int(key): _decode_partial(value)})
        self._read_to = max(end, self._read_to)

    def put(self, partials: Mapping[int, Partial]) -> None:
        """Take in partials that are committed."""
        for partition, partial in partials.items():
            known = self.known.get(partition)
            if known is None or partial.next_offset >= known.next_offset:
                self.known[partition] = partial


class Snapshots:
    """The series of snapshots, as the owner of partition 0 continues it."""

    def __init__(self, settings: Settings, partitions: int, reader: LogReader) -> None:
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


def last_snapshot(topics: Topics, reader: LogReader) -> Snapshot | None:
    """The newest snapshot on the topic, waiting for the last owner's transaction if one is open."""
    start, end = reader.bounds(topics.snapshots, [0])[0]
    last: bytes | None = None
    # The last records of the topic may be transaction markers, which readers never see: look further back.
    look_back = 10
    while last is None and end > start:
        since = max(start, end - look_back)
        for records in reader.read(topics.snapshots, 0, since, end):
            for _, _, value in records:
                last = value
        if since == start:
            break
        look_back *= 10
    return _decode_snapshot(last) if last else None
