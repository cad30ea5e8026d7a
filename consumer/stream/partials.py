"""The topic ltv.partials: the newest partial of every partition, and the state of the series of snapshots.

The topic is compacted: the newest record of every key stays, even when records of ltv.snapshots are deleted.
"""

from collections.abc import Mapping
from typing import Any, Final, Self

import msgspec
import orjson
from msgspec import Struct

from cluster.fetched import Record
from consumer.domain.partial import Partial
from consumer.stream.transport import StateReader
from contract.errors import Fatal
from contract.snapshots import Snapshot
from contract.topics import Topics

SERIES_KEY: Final = b"series"


class SeriesState(Struct, frozen=True, kw_only=True):
    """The fields of the last snapshot that the next one needs."""

    sequence: int
    ranked: list[str]
    """The customer ids of its rows, best first."""

    @classmethod
    def after(cls, snapshot: Snapshot) -> Self:
        """The state after this snapshot."""
        return cls(sequence=snapshot.sequence, ranked=[row.customer_id for row in snapshot.rows])

    @property
    def ranks(self) -> dict[str, int]:
        """Customer id -> rank, from 1."""
        return {customer_id: rank for rank, customer_id in enumerate(self.ranked, 1)}


_decode_partial = msgspec.json.Decoder(Partial).decode
_decode_series = msgspec.json.Decoder(SeriesState).decode


def encode(value: Partial | SeriesState | Snapshot) -> bytes:
    """The value as JSON, for ltv.partials or ltv.snapshots."""
    plain: Any = msgspec.to_builtins(value)
    return orjson.dumps(plain)


class Partials:
    """The newest known partial of every partition; never replaced by an older one."""

    def __init__(self, topics: Topics, reader: StateReader) -> None:
        self._topic = topics.partials
        self._reader = reader
        self._read_to = 0
        self.known: dict[int, Partial] = {}
        self.series: SeriesState | None = None
        """The state last read from the topic; the worker that emits snapshots has a newer one."""

    def catch_up(self, *, wait: bool = False) -> None:
        """Read the records committed to ltv.partials since the last call.

        Args:
            wait: wait until open transactions are decided, and read the committed records behind them, too. A new
                owner of the series must wait: the last snapshot may count these records.

        Raises:
            Fatal: a record is neither a partial nor the state of the series.
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
            elif record.key and record.key.isdigit():  # A reset has deleted what the partition had counted.
                self.known.pop(int(record.key), None)
        except ValueError as error:  # msgspec's errors are ValueErrors, too.
            raise Fatal(
                f"{self._topic}-0 at offset {record.offset}: not a partial ({error}); does another program "
                "write to the topic? Use a new --prefix and --group, or delete the topic: it is recreated"
            ) from error

    def put(self, partials: Mapping[int, Partial]) -> None:
        """Add committed partials: partition -> its partial."""
        for partition, partial in partials.items():
            known = self.known.get(partition)
            if known is None or partial.next_offset >= known.next_offset:
                self.known[partition] = partial
