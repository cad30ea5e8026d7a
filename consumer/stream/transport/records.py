"""Keys and values out of a fetched batch, several times as fast as kafka-python's own way.

kafka-python makes two objects and some twenty calls for each record; here one loop reads the two fields in place.
Only this step is ours: fetching, checksums, decompression and the rules of transactions stay kafka-python's.
The format is in Kafka's documentation under "Record Batch".
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError

from consumer.stream.transport import Column

RECORDS_AT_ONCE: Final = 2_000
"""As many, and what is left of their batch, come out of one poll."""

Fields = list[bytes | None]


class Records:
    """The records of one kafka-python `DefaultRecordBatch` from an offset on, as columns."""

    def __init__(self, batch: Any, from_offset: int = 0) -> None:
        self._batch = batch
        self.keys, self.values = read_fields(batch)
        if batch.last_offset_delta == batch.records_count - 1:
            self.offsets: Sequence[int] = range(batch.base_offset, batch.next_offset)
        else:  # Compaction has left holes.
            self.offsets = [record.offset for record in self._by_kafka_python]
        first = bisect_left(self.offsets, from_offset)
        self.timestamps_ms = Column(range(first, len(self.values)), self._timestamp_ms)
        if first:
            self.keys, self.values, self.offsets = (
                self.keys[first:],
                self.values[first:],
                self.offsets[first:],
            )

    @cached_property
    def _by_kafka_python(self) -> list[Any]:
        return list(self._batch)

    def _timestamp_ms(self, i: int) -> int:
        return int(self._by_kafka_python[i].timestamp)

    def __len__(self) -> int:
        return len(self.values)


def read_fields(batch: Any) -> tuple[Fields, Fields]:
    """The keys and the values of all records of a kafka-python `DefaultRecordBatch`.

    Raises:
        CorruptRecordError: a length points outside the batch or its record.
    """
    batch._maybe_uncompress()
    return _fields(bytes(batch._buffer), batch._pos, batch.records_count, batch.base_offset)


def _fields(buffer: bytes, at: int, count: int, base_offset: int) -> tuple[Fields, Fields]:
    keys: Fields = []
    values: Fields = []
    try:
        for _ in range(count):
            length, at = _varint(buffer, at)
            end = at + length
            at += 1  # One byte of attributes, not used by Kafka.
            while buffer[at] >= 0x80:  # The timestamp's delta.
                at += 1
            at += 1
            while buffer[at] >= 0x80:  # The offset's delta.
                at += 1
            at += 1
            size, at = _varint(buffer, at)
            if size >= 0:
                keys.append(buffer[at : at + size])
                at += size
            else:
                keys.append(None)
            size, at = _varint(buffer, at)
            if size >= 0:
                values.append(buffer[at : at + size])
                at += size
            else:
                values.append(None)
            # What is left of the record are headers: nobody asks for them.
            if at >= end:
                raise CorruptRecordError(
                    f"a record's fields reach over its end, in the batch at offset {base_offset}"
                )
            at = end
    except IndexError:
        raise CorruptRecordError(f"the batch at offset {base_offset} ends within a record") from None
    if at != len(buffer):
        raise CorruptRecordError(f"the batch at offset {base_offset} does not end with its last record")
    return keys, values


def _varint(buffer: bytes, at: int) -> tuple[int, int]:
    """A zigzag-encoded whole number, and where it ends."""
    byte = buffer[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    second = buffer[at + 1]
    value = byte & 0x7F | (second & 0x7F) << 7
    at += 2
    shift = 14
    while second >= 0x80:
        second = buffer[at]
        value |= (second & 0x7F) << shift
        at += 1
        shift += 7
    return (value >> 1) ^ -(value & 1), at


class PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """kafka-python's walk over the batches of one fetch; what it gives out are `Records`, one for each batch."""

    def take(self, n: int | None = None) -> list[Records]:
        """As many batches as hold `RECORDS_AT_ONCE`, whatever `n` says; none at the end."""
        taken: list[Records] = []
        count = 0
        while count < RECORDS_AT_ONCE and self.record_iterator is not None:
            try:
                some = super().take(1)
            except (
                Exception
            ) as error:  # kafka-python's own rule: first what is good, the error with the next call.
                if not taken:
                    raise
                self._next_inline_exception = error
                break
            taken += some
            count += sum(map(len, some))
        return taken

    def _maybe_skip_record(self, record: Records) -> bool:
        return False  # See `Records`.

    def _unpack_records(self, tp: Any, records: Any, *_deserializers: Any) -> Iterator[Records]:
        while (batch := records.next_batch()) is not None:
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(
                    f"{tp.topic}-{tp.partition}: wrong checksum at offset {batch.base_offset}"
                )
            self.leader_epoch = batch.leader_epoch
            found = None if self._is_hidden(batch) else Records(batch, self.fetch_offset)
            # Beyond the last record there may have been others, which compaction has removed.
            self.next_fetch_offset = batch.next_offset
            if found:
                self.bytes_read += batch.size_in_bytes
                self.records_read += len(found)
                yield found
        self.drain()

    def _is_hidden(self, batch: Any) -> bool:
        """Whether readers of committed records never see this batch: aborted, or a transaction's marker."""
        if batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)


def read_fast(consumer: Any) -> None:
    """Make a kafka-python consumer, reading committed, return `Records` from its poll."""
    consumer._fetcher.PartitionRecords = PartitionRecords
