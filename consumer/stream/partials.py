"""What ltv.partials holds: the newest partial of every partition, and where the series of snapshots stands.

The topic is compacted: the newest record of every key stays, whatever becomes of ltv.snapshots.
"""

from collections.abc import Mapping
from typing import Any, Final, Self

import msgspec
import orjson
from msgspec import Struct

from cluster.log_reader import Record
from consumer.domain.partial import Partial
from consumer.stream.transport import StateReader
from contract.errors import Fatal
from contract.snapshots import Snapshot
from contract.topics import Topics

SERIES_KEY: Final = b"series"


class SeriesState(Struct, frozen=True, kw_only=True):
    """The last snapshot, as far as the next one needs it."""

    sequence: int
    ranked: list[str]
    """The customer ids of its rows, best first."""

    @classmethod
    def after(cls, snapshot: Snapshot) -> Self:
        """The state once this snapshot is out."""
        return cls(sequence=snapshot.sequence, ranked=[row.customer_id for row in snapshot.rows])

    @property
    def ranks(self) -> dict[str, int]:
        """Customer id -> rank, from 1."""
        return {customer_id: rank for rank, customer_id in enumerate(self.ranked, 1)}


_decode_partial = msgspec.json.Decoder(Partial).decode
_decode_series = msgspec.json.Decoder(SeriesState).decode


def encode(value: Partial | SeriesState | Snapshot) -> bytes:
    """As JSON, for ltv.partials or ltv.snapshots."""
    plain: Any = msgspec.to_builtins(value)
    return orjson.dumps(plain)


class Partials:
    """The newest known partial of every partition. What is known never goes back."""

    def __init__(self, topics: Topics, reader: StateReader) -> None:
        self._topic = topics.partials
        self._reader = reader
        self._read_to = 0
        self.known: dict[int, Partial] = {}
        self.series: SeriesState | None = None
        """As last read; the worker that emits snapshots knows better."""

    def catch_up(self, *, wait: bool = False) -> None:
        """Read what has been committed to ltv.partials since the last call.

        Committed records behind an open transaction are not to be had yet; `wait` until it is decided. A new owner
        of the series must, for the last snapshot may count them.

        Raises:
            Fatal: a record is not one of ours.
        """
        start, end = self._reader.bounds(self._topic, [0])[0]
        if not wait:
            end = self._reader.committed_ends(self._topic, [0])[0]
        for records in self._reader.read(self._topic, 0, max(start, self._read_to), end):
            for record in records:
                self._take_in(record)
        self._read_to = max(end, self._read_to)

    def _take_in(self, record: Record) -> None:
        try:
            if record.key == SERIES_KEY:
                self.series = _decode_series(record.value) if record.value is not None else None
            elif record.value is not None:
                self.put({int(record.key or b""): _decode_partial(record.value)})
        except ValueError as error:  # msgspec's errors are such, too.
            raise Fatal(
                f"{self._topic}-0 at offset {record.offset}: this is no partial ({error}); does another program "
                "write to the topic? Use a new --prefix and --group, or delete the topic: it is recreated"
            ) from error

    def put(self, partials: Mapping[int, Partial]) -> None:
        """Take in partials that are committed."""
        for partition, partial in partials.items():
            known = self.known.get(partition)
            if known is None or partial.next_offset >= known.next_offset:
                self.known[partition] = partial
