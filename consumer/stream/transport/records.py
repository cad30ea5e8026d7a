"""Reads keys and values from fetched batches, several times as fast as kafka-python does.

kafka-python makes two objects and some twenty calls for each record; `fields.py` reads the two fields in place.
Only this step is replaced: kafka-python still fetches, checks checksums, decompresses and filters transactions.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError

from consumer.stream.transport import Column
from consumer.stream.transport.fields import read_fields

RECORDS_AT_ONCE: Final = 2_000
"""Records returned by one poll; the last batch is never split."""


class Records:
    """The records of one kafka-python `DefaultRecordBatch` from an offset on, as columns."""

    def __init__(self, batch: Any, from_offset: int = 0) -> None:
        self._batch = batch
        batch._maybe_uncompress()
        self.keys, self.values = read_fields(
            bytes(batch._buffer), batch._pos, batch.records_count, batch.base_offset
        )
        if batch.last_offset_delta == batch.records_count - 1:
            self.offsets: Sequence[int] = range(batch.base_offset, batch.next_offset)
        else:  # Compaction has removed records.
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


class PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """kafka-python's iterator over the batches of one fetch, with one `Records` for each batch."""

    def take(self, n: int | None = None) -> list[Records]:
        """Batches that hold together at least `RECORDS_AT_ONCE` (`n` is ignored), or the rest; none at the end."""
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
        return False  # `Records` skips them.

    def _unpack_records(self, tp: Any, records: Any, *_deserializers: Any) -> Iterator[Records]:
        while (batch := records.next_batch()) is not None:
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(
                    f"{tp.topic}-{tp.partition}: wrong checksum at offset {batch.base_offset}"
                )
            self.leader_epoch = batch.leader_epoch
            found = None if self._is_hidden(batch) else Records(batch, self.fetch_offset)
            # Compaction may have removed records after the batch's last one.
            self.next_fetch_offset = batch.next_offset
            if found:
                self.bytes_read += batch.size_in_bytes
                self.records_read += len(found)
                yield found
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


def read_fast(consumer: Any) -> None:
    """Make the `poll` of a kafka-python consumer (read_committed) return `Records`."""
    consumer._fetcher.PartitionRecords = PartitionRecords
