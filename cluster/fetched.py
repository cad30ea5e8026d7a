"""kafka-python's iterator over a fetch, with our own reading of its batches.

kafka-python still fetches, checks checksums and knows which transactions are aborted. Only the reading of records is
replaced: it is several times as fast, and nothing in a record can raise from the middle of kafka-python.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch

from cluster.record_batch import DEFAULT_MAX_BATCH_BYTES, RecordBatch, UnreadableBatch
from cluster.record_fields import read_headers
from contract.errors import Fatal

RECORDS_AT_ONCE: Final = 8_000
"""Records returned by one poll of batches; the last batch is never split."""
BYTES_AT_ONCE: Final = 4 * 1024 * 1024
"""Bytes of the values returned by one poll of records; the last record is never split."""


class _Batch(DefaultRecordBatch):  # type: ignore[misc]
    """kafka-python's batch, but in the bytes that were received: it would copy them."""

    def __init__(self, received: memoryview) -> None:
        super().__init__(received[: self.HEADER_STRUCT.size])
        self._buffer = received


def _batches(records: Any) -> Iterator[Any]:
    """The batches of kafka-python's `MemoryRecords`; as it has them if they are too short for a header."""
    while (received := records._next_slice) is not None:
        if len(received) >= _Batch.HEADER_STRUCT.size:
            records._cache_next()
            yield _Batch(received)
        else:
            yield records.next_batch()


class FetchedBatches(Fetcher.PartitionRecords):  # type: ignore[misc]
    """The batches of one fetch that readers of committed records may see."""

    max_batch_bytes = DEFAULT_MAX_BATCH_BYTES
    """How many bytes a batch may unpack to."""

    def take(self, n: int | None = None) -> list[Any]:
        """Batches that hold together at least `RECORDS_AT_ONCE` (`n` is ignored), or the rest; none at the end."""
        return self._take(RECORDS_AT_ONCE, attrgetter("count"))

    def _take(self, limit: int, size_of: Callable[[Any], int], n: int | None = None) -> list[Any]:
        """Items until their sizes reach the limit, or until there are `n`."""
        taken: list[Any] = []
        size = 0
        while size < limit and len(taken) != n and self.record_iterator is not None:
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
            size += sum(map(size_of, some))
        return taken

    def _maybe_skip_record(self, record: Any) -> bool:
        return False  # `RecordBatch` skips them.

    def _unpack_records(self, tp: Any, records: Any, *_deserializers: Any) -> Iterator[Any]:
        for batch in _batches(records):
            if batch.magic < 2:
                raise Fatal(
                    f"{tp.topic}-{tp.partition} has records in the format of Kafka before 0.11, which this program "
                    "does not read: copy the topic with a present client"
                )
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(
                    f"{tp.topic}-{tp.partition}: wrong checksum at offset {batch.base_offset}"
                )
            self.leader_epoch = batch.leader_epoch
            is_hidden = self._is_hidden(batch)
            # Compaction may have removed records after the batch's last one.
            self.next_fetch_offset = batch.next_offset
            if not is_hidden and batch.next_offset > self.fetch_offset and batch.records_count > 0:
                self.bytes_read += batch.size_in_bytes
                self.records_read += batch.records_count
                yield RecordBatch(batch, self.fetch_offset, self.max_batch_bytes)
        self.drain()

    def _is_hidden(self, batch: Any) -> bool:
        """Whether readers of committed records must not get this batch: it is aborted or a transaction's marker."""
        if batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)


@dataclass(slots=True)
class Record:
    """One record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since 1970; producers may write any whole number."""
    key: bytes | None
    value: bytes | None
    raw_headers: bytes
    """As they are on the wire."""
    records: int = 1
    """How many records it stands for: more than one only in the place of a batch that can't be read."""

    @property
    def headers(self) -> list[tuple[str, bytes | None]]:
        """The headers; what is not UTF-8 in a name is replaced."""
        return [(name.decode(errors="replace"), value) for name, value in read_headers(self.raw_headers)]


class FetchedRecords(FetchedBatches):
    """The records of one fetch, one by one; in the place of a batch that can't be read, one record without a value."""

    def take(self, n: int | None = None) -> list[Record]:
        """At most `n` records, fewer where they are long; none at the end."""
        return self._take(BYTES_AT_ONCE, _value_bytes, n)

    def _unpack_records(self, tp: Any, records: Any, *_deserializers: Any) -> Iterator[Record]:
        for batch in super()._unpack_records(tp, records):
            for part in batch.parts():
                if isinstance(part, UnreadableBatch):
                    # Its offset and time are what coverage asks for; no reader takes a record without a value for more.
                    yield Record(
                        *(tp.topic, tp.partition, part.first_offset, part.timestamp_ms, None, None, b"\0"),
                        part.records,
                    )
                    continue
                for i, offset in enumerate(part.offsets):
                    self.next_fetch_offset = offset + 1
                    timestamp_ms, headers = part.origins[i]
                    key, value = part.keys[i], part.values[i]
                    yield Record(tp.topic, tp.partition, offset, timestamp_ms, key, value, headers)
            self.next_fetch_offset = batch.next_offset


def _value_bytes(record: Record) -> int:
    return len(record.value or b"")


def read_batches(consumer: Any, max_batch_bytes: int) -> None:
    """Make the `poll` of a kafka-python consumer (read_committed) return `RecordBatch`es."""
    consumer._fetcher.PartitionRecords = _bounded(FetchedBatches, max_batch_bytes)


def read_records(consumer: Any, max_batch_bytes: int) -> None:
    """Make the `poll` of a kafka-python consumer (read_committed) return `Record`s."""
    consumer._fetcher.PartitionRecords = _bounded(FetchedRecords, max_batch_bytes)


def _bounded(kind: type[FetchedBatches], max_batch_bytes: int) -> type[FetchedBatches]:
    return type(kind.__name__, (kind,), {"max_batch_bytes": max_batch_bytes})
