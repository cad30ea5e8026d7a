"""A record batch as a broker sent it, read by our own code to the last field, in bounded memory.

What a batch holds is untrusted: kafka-python's lazy parser raises in the middle of a record, and unpacks without limit.
Of kafka-python's batch we use the header only, which the broker has checked. A batch is unpacked when its first part is
asked for, and its records become Python objects a chunk at a time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any, Final, NamedTuple

from cluster.decompress import TooLarge, decompress
from cluster.record_fields import Fields, RareFields, read_fields, read_rare_fields
from contract import native_core
from contract.errors import InvalidEvent

CHUNK_RECORDS: Final = 500
CHUNK_BYTES: Final = 1024 * 1024
"""A chunk ends with the record that reaches this size."""
NATIVE_CHUNKS: Final = 8
"""The native core reads this many chunks as one, unless they reach CHUNK_BYTES."""
DEFAULT_MAX_BATCH_BYTES: Final = 64 * 1024 * 1024
_CODEC_MASK: Final = 0x07
_HEADER_BYTES: Final = 61


class Origin(NamedTuple):
    """The fields of a record beside its offset, key and value."""

    timestamp_ms: int
    headers: bytes
    """The number of headers and the headers, as they are on the wire; see `cluster.record_fields.read_headers`."""


def _no_origins() -> Sequence[Origin]:
    return ()


class Chunk:
    """Successive records of one partition, as columns of equal length."""

    fields: Any = None
    """The keys and values in the native core's form, if it has read them."""

    def __init__(
        self,
        offsets: Sequence[int],
        keys: Fields,
        values: Fields,
        read_origins: Callable[[], Sequence[Origin]] = _no_origins,
    ) -> None:
        self.offsets = offsets
        self._keys = keys
        self._values = values
        self._read_origins = read_origins

    @property
    def keys(self) -> Fields:
        """The keys of all records."""
        return self._keys

    @property
    def values(self) -> Fields:
        """The values of all records."""
        return self._values

    @cached_property
    def origins(self) -> Sequence[Origin]:
        """The other fields of all records; read on first use, which is rare."""
        return self._read_origins()

    @property
    def first_timestamp_ms(self) -> int:
        """The earliest timestamp of the records."""
        return min(origin.timestamp_ms for origin in self.origins)

    def at(self, indexes: Sequence[int]) -> tuple[Fields, Fields]:
        """The keys and values of some of the records."""
        if len(indexes) == len(self):
            return self.keys, self.values
        return [self.keys[i] for i in indexes], [self.values[i] for i in indexes]

    def origins_at(self, indexes: Sequence[int]) -> Sequence[Origin]:
        """The other fields of some of the records."""
        return [self.origins[i] for i in indexes]

    def without_first(self, count: int) -> "Chunk":
        """The chunk without its first `count` records."""
        return Chunk(
            self.offsets[count:], self.keys[count:], self.values[count:], lambda: self.origins[count:]
        )

    def __len__(self) -> int:
        return len(self.offsets)


class NativeChunk(Chunk):
    """A chunk that the native core has read; its fields become Python objects where they are asked for."""

    def __init__(self, offsets: Sequence[int], fields: Any, timestamp_ms: Callable[[int], int]) -> None:
        super().__init__(offsets, [], [])
        self.fields = fields
        self._timestamp_ms = timestamp_ms

    @cached_property
    def keys(self) -> Fields:
        """The keys of all records."""
        keys: Fields = self.fields.keys()
        return keys

    @cached_property
    def values(self) -> Fields:
        """The values of all records."""
        values: Fields = self.fields.values()
        return values

    @cached_property
    def origins(self) -> Sequence[Origin]:
        """The other fields of all records; read on first use, which is rare."""
        return self.origins_at(range(len(self)))

    @property
    def first_timestamp_ms(self) -> int:
        """The earliest timestamp of the records."""
        return self._timestamp_ms(self.fields.earliest())

    def at(self, indexes: Sequence[int]) -> tuple[Fields, Fields]:
        """The keys and values of some of the records."""
        found: tuple[Fields, Fields] = self.fields.at(indexes)
        return found

    def origins_at(self, indexes: Sequence[int]) -> Sequence[Origin]:
        """The other fields of some of the records."""
        return [
            Origin(self._timestamp_ms(timestamp_delta), headers)
            for timestamp_delta, _, headers in self.fields.rare(indexes)
        ]

    def without_first(self, count: int) -> Chunk:
        """The chunk without its first `count` records."""
        return NativeChunk(self.offsets[count:], self.fields.skip(count), self._timestamp_ms)


def _deltas(fields: Any) -> list[int]:
    return [delta for _, delta, _ in fields.rare(range(len(fields)))]


class UnreadableBatch(NamedTuple):
    """A batch, or the rest of one, whose records can't be read."""

    first_offset: int
    last_offset: int
    records: int
    """How many records can't be read."""
    timestamp_ms: int
    """The timestamp of the batch's first record."""
    data: bytes
    """The whole batch, as the broker sent it."""
    error: InvalidEvent


class RecordBatch:
    """The records of one batch from an offset on."""

    def __init__(self, batch: Any, from_offset: int, max_bytes: int) -> None:
        """A batch, not unpacked yet.

        Args:
            batch: kafka-python's `DefaultRecordBatch`.
            from_offset: records before it are skipped.
            max_bytes: how many bytes the batch may unpack to.
        """
        self._batch = batch
        self._max_bytes = max_bytes
        self._from_offset = from_offset
        self.next_offset: int = batch.next_offset
        self.count: int = batch.records_count

    def parts(self) -> Iterator[Chunk | UnreadableBatch]:
        """The records, a chunk at a time; where the rest can't be read, one `UnreadableBatch` ends them."""
        try:
            buffer = self._unpacked()
            if not self.count:
                self._check_end(buffer, 0, 0)
        except TooLarge:
            detail = f"the batch unpacks to more than {self._max_bytes:,} bytes"
            yield self._unreadable(0, "oversize_batch", detail)
            return
        except ValueError as error:
            yield self._unreadable(0, "undecodable_batch", str(error))
            return
        done = at = 0
        while done < self.count:
            try:
                chunk, at = self._chunk(buffer, at, done)
                self._check_end(buffer, at, done + len(chunk))
            except ValueError as error:
                yield self._unreadable(done, "undecodable_batch", str(error))
                return
            done += len(chunk)
            if chunk.offsets[-1] >= self._from_offset:
                yield self._from(chunk)
            del (
                chunk
            )  # Its records may be as large as the batch, and must be gone before the next ones are read.

    def _unpacked(self) -> bytes:
        data = memoryview(self._batch._buffer)[_HEADER_BYTES:]
        return decompress(self._batch.attributes & _CODEC_MASK, data, self._max_bytes)

    def _chunk(self, buffer: bytes, at: int, done: int) -> tuple[Chunk, int]:
        """The next chunk, and the index after it; `done` records of the batch are before it.

        Raises:
            ValueError: a length points outside the buffer or its record.
        """
        left = self.count - done
        core = native_core.core
        fields = core and core.read_fields(buffer, at, left, CHUNK_RECORDS, CHUNK_BYTES, NATIVE_CHUNKS)
        if fields:
            with suppress(ValueError):  # The chunks are read one by one, then, to the one that is wrong.
                self._check_end(buffer, fields.end, done + len(fields))
                return NativeChunk(
                    self._offsets(done, len(fields), lambda: _deltas(fields)), fields, self._timestamp_ms
                ), fields.end
        keys, values, end = read_fields(buffer, at, min(CHUNK_RECORDS, left), CHUNK_BYTES)
        count = len(values)
        offsets = self._offsets(
            done, count, lambda: [record.offset_delta for record in read_rare_fields(buffer, at, count)]
        )
        return Chunk(offsets, keys, values, lambda: self._origins(read_rare_fields(buffer, at, count))), end

    def _check_end(self, buffer: bytes, at: int, done: int) -> None:
        """The last record must end where the batch does: a damaged batch's last chunk is not to be trusted.

        Raises:
            ValueError: bytes follow the last record.
        """
        if done == self.count and at != len(buffer):
            raise ValueError(f"{len(buffer) - at:,} bytes follow its last record")

    def _offsets(self, done: int, count: int, read_deltas: Callable[[], list[int]]) -> Sequence[int]:
        """The offsets of `count` records, before which `done` records of the batch are."""
        base: int = self._batch.base_offset
        if self._batch.last_offset_delta == self._batch.records_count - 1:
            return range(base + done, base + done + count)
        # Compaction has removed records.
        offsets = [base + delta for delta in read_deltas()]
        if sorted(set(offsets)) != offsets or not base <= offsets[0] <= offsets[-1] < self.next_offset:
            raise ValueError("its offsets do not ascend")
        return offsets

    def _origins(self, fields: list[RareFields]) -> list[Origin]:
        return [Origin(self._timestamp_ms(record.timestamp_delta), record.headers) for record in fields]

    @cached_property
    def _timestamp_ms(self) -> Callable[[int], int]:
        """A record's difference to the batch's first timestamp -> its timestamp."""
        batch = self._batch
        if batch.timestamp_type == batch.LOG_APPEND_TIME:
            of_broker = int(batch.max_timestamp)
            return lambda _: of_broker
        return int(batch.first_timestamp).__add__

    def _from(self, chunk: Chunk) -> Chunk:
        """The chunk without the records before the offset from which to read."""
        skip = (
            sum(offset < self._from_offset for offset in chunk.offsets)
            if chunk.offsets[0] < self._from_offset
            else 0
        )
        return chunk.without_first(skip) if skip else chunk

    def _unreadable(self, done: int, reason: str, detail: str) -> UnreadableBatch:
        batch = self._batch
        first = max(batch.base_offset + done, self._from_offset)
        return UnreadableBatch(
            first_offset=first,
            last_offset=batch.last_offset,
            records=min(self.count - done, batch.next_offset - first),
            timestamp_ms=self._timestamp_ms(0),
            data=bytes(batch._buffer),
            error=InvalidEvent(reason, "", detail),
        )
