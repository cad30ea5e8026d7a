"""Of a fetch, a poll returns a bounded part; what can't be read does not stop the reader."""

from typing import Any

import pytest
from kafka import IsolationLevel, TopicPartition
from kafka.errors import CorruptRecordError
from kafka.record.legacy_records import LegacyRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from cluster.fetched import BYTES_AT_ONCE, RECORDS_AT_ONCE, FetchedBatches, FetchedRecords
from contract.errors import Fatal
from tests.unit.test_records import HEADER_BYTES, RawRecord, batch_of

pytestmark = pytest.mark.usefixtures("both")

MIB = 1 << 20


def at_offset(buffer: bytes, base_offset: int) -> bytes:
    """The batch at another offset, which its checksum does not cover."""
    return base_offset.to_bytes(8, "big") + buffer[8:]


def fetch_of(*batches: bytes, kind: type[FetchedBatches] = FetchedRecords, start: int = 0) -> Any:
    data, offset = b"", 0
    for batch in batches:
        data += at_offset(batch, offset)
        offset += int.from_bytes(batch[23:27], "big") + 1
    tp = TopicPartition("topic", 0)
    return kind(start, tp, MemoryRecords(data), isolation_level=IsolationLevel.READ_COMMITTED)


def of(number: int, value: bytes = b"v") -> bytes:
    some: list[RawRecord] = [(i, 5, b"k", value, {"n": b"1"}) for i in range(number)]
    return batch_of(some)


def drained(fetch: Any, n: int = 500) -> list[list[Any]]:
    """What each poll returns."""
    polls = []
    while fetch:
        polls.append(fetch.take(n))
    return [poll for poll in polls if poll]


def test_every_record_is_returned_in_order_with_its_headers() -> None:
    polls = drained(fetch_of(of(3), of(700), of(2)), n=100)
    assert [record.offset for poll in polls for record in poll] == list(range(705))
    assert max(map(len, polls)) == 100
    assert polls[0][0].headers == [("n", b"1")]


def test_a_poll_of_long_records_returns_few() -> None:
    polls = drained(fetch_of(*[of(2, bytes(MIB))] * 5))
    assert [len(poll) for poll in polls] == [BYTES_AT_ONCE // MIB, BYTES_AT_ONCE // MIB, 2]


def test_a_poll_of_batches_returns_whole_ones() -> None:
    polls = drained(fetch_of(*[of(RECORDS_AT_ONCE // 2)] * 5, kind=FetchedBatches))
    assert [len(poll) for poll in polls] == [2, 2, 1]


def test_batches_stay_in_the_bytes_that_were_received() -> None:
    fetch = fetch_of(of(2), of(2), kind=FetchedBatches)
    first, second = (batch._batch._buffer for poll in drained(fetch) for batch in poll)
    assert first.obj is second.obj
    assert (first.nbytes, second.nbytes) == (len(of(2)), len(of(2)))


@pytest.mark.parametrize("size", [0, 100], ids=["shorter than a batch's header", "longer"])
@pytest.mark.parametrize("magic", [0, 1])
def test_records_in_the_format_before_kafka_0_11_are_refused(magic: int, size: int) -> None:
    builder = LegacyRecordBatchBuilder(magic=magic, compression_type=0, batch_size=1000)
    builder.append(0, timestamp=5, key=None, value=bytes(size))
    fetch = FetchedRecords(
        *(0, TopicPartition("topic", 0), MemoryRecords(bytes(builder.build()))),
        isolation_level=IsolationLevel.READ_COMMITTED,
    )
    with pytest.raises(Fatal, match=r"topic-0 has records in the format of Kafka before 0\.11"):
        fetch.take(1)


def test_a_batch_that_cannot_be_read_is_one_record_without_a_value_and_reading_goes_on() -> None:
    broken = bytearray(of(4))
    broken[HEADER_BYTES] = 0xFF
    fetch = fetch_of(of(2), bytes(broken), of(1))
    fetch.check_crcs = False
    found = [record for poll in drained(fetch) for record in poll]
    assert [(record.offset, record.value) for record in found] == [(0, b"v"), (1, b"v"), (2, None), (6, b"v")]
    assert found[2].timestamp == 5
    assert fetch.next_fetch_offset == 7


def test_a_wrong_checksum_is_raised_after_the_good_records_before_it() -> None:
    broken = bytearray(of(4))
    broken[HEADER_BYTES] = 0xFF
    fetch = fetch_of(of(2), bytes(broken))
    assert len(fetch.take(500)) == 2
    with pytest.raises(CorruptRecordError, match="topic-0: wrong checksum at offset 2"):
        fetch.take(500)
