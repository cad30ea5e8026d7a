"""Our loop over a fetched batch reads the same records as kafka-python's, whatever the batch holds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from consumer.stream.transport.records import Records

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)

fields = st.none() | st.binary(max_size=300)
records = st.lists(
    st.tuples(
        st.integers(0, 20_000),
        st.integers(-(10**6), 10**12),
        fields,
        fields,
        st.dictionaries(st.text(), fields),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda record: record[0],
).map(lambda some: sorted(some, key=lambda record: record[0]))


def batch_of(
    some: list[tuple[int, int, bytes | None, bytes | None, dict[str, bytes | None]]], codec: int
) -> bytes:
    """A batch with these offsets, timestamps, keys, values and headers."""
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, -1, 1 << 20)
    for offset, timestamp, key, value, headers in some:
        assert builder.append(offset, timestamp, key, value, list(headers.items()))
    return bytes(builder.build())


@given(records, st.sampled_from([NONE, GZIP, SNAPPY, LZ4, ZSTD]), st.integers(0, 20_001))
@settings(max_examples=300)
def test_it_reads_the_same_as_kafka_python(
    some: list[tuple[int, int, bytes | None, bytes | None, dict[str, bytes | None]]], codec: int, start: int
) -> None:
    buffer = batch_of(some, codec)
    expected = [
        (r.offset, r.timestamp, r.key, r.value) for r in DefaultRecordBatch(buffer) if r.offset >= start
    ]
    found = Records(DefaultRecordBatch(buffer), start)
    assert len(found) == len(expected)
    assert list(zip(found.offsets, found.timestamps_ms, found.keys, found.values, strict=True)) == expected


@given(records, st.data())
def test_a_truncated_batch_is_corrupt(
    some: list[tuple[int, int, bytes | None, bytes | None, dict[str, bytes | None]]], data: st.DataObject
) -> None:
    buffer = batch_of(some, NONE)
    size = data.draw(st.integers(DefaultRecordBatch.HEADER_STRUCT.size, len(buffer) - 1))
    with pytest.raises(CorruptRecordError):
        Records(DefaultRecordBatch(buffer[:size]))


def test_a_record_whose_value_ends_after_the_record_is_corrupt() -> None:
    buffer = bytearray(batch_of([(0, 0, b"k", b"value", {}), (1, 0, b"k", b"value", {})], NONE))
    at = buffer.index(b"value") - 1
    buffer[at] = 2 * 7  # Zigzag for a length of 7; the value has 5 bytes.
    with pytest.raises(CorruptRecordError):
        Records(DefaultRecordBatch(bytes(buffer)))
