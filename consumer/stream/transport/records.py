"""Keys and values out of a fetched batch, several times as fast as kafka-python's own way.

kafka-python makes two objects and some twenty calls for each record; `fields.py` reads the two fields in place.
Only this step is ours: fetching, checksums, decompression and the rules of transactions stay kafka-python's.
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
"""As many, and what is left of their batch, come out of one poll."""


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
