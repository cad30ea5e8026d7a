"""Our own reading of a fetched batch finds the same records as kafka-python's, and survives what that does not."""

import tracemalloc
from collections.abc import Sequence
from struct import pack_into

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from cluster.record_batch import (
    CHUNK_BYTES,
    CHUNK_RECORDS,
    NATIVE_CHUNKS,
    Chunk,
    RecordBatch,
    UnreadableBatch,
)
from cluster.record_fields import read_headers
from tests.implementations import Implementation

pytestmark = pytest.mark.usefixtures("both")

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODECS = [NONE, GZIP, SNAPPY, LZ4, ZSTD]
MAX_BYTES = 1 << 24
MIB = 1 << 20
HEADER_BYTES = 61

RawRecord = tuple[int, int, bytes | None, bytes | None, dict[str, bytes | None]]

fields = st.none() | st.binary(max_size=300)
records = st.lists(
    st.tuples(
        st.integers(0, 20_000),
        st.integers(-(10**6), 10**12),
        fields,
        fields,
        st.dictionaries(st.text(), fields, max_size=3),
    ),
    min_size=1,
    max_size=30,
    unique_by=lambda record: record[0],
).map(lambda some: sorted(some, key=lambda record: record[0]))


def batch_of(some: Sequence[RawRecord], codec: int = NONE) -> bytes:
    """A batch with these offsets, timestamps, keys, values and headers."""
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, -1, 1 << 30)
    for offset, timestamp, key, value, headers in some:
        assert builder.append(offset, timestamp, key, value, list(headers.items()))
    return bytes(builder.build())


def parts_of(buffer: bytes, start: int = 0, max_bytes: int = MAX_BYTES) -> list[Chunk | UnreadableBatch]:
    return list(RecordBatch(DefaultRecordBatch(buffer), start, max_bytes).parts())


def records_of(buffer: bytes, start: int = 0) -> list[tuple[object, ...]]:
    """Offset, timestamp, key, value and headers of each record."""
    found: list[tuple[object, ...]] = []
    for part in parts_of(buffer, start):
        assert isinstance(part, Chunk)
        for i, offset in enumerate(part.offsets):
            timestamp_ms, on_wire = part.origins[i]
            headers = [(name.decode(), value) for name, value in read_headers(on_wire)]
            found.append((offset, timestamp_ms, part.keys[i], part.values[i], headers))
    return found


def unreadable_of(buffer: bytes, start: int = 0, max_bytes: int = MAX_BYTES) -> UnreadableBatch:
    """The only part, which can't be read."""
    [part] = parts_of(buffer, start, max_bytes)
    assert isinstance(part, UnreadableBatch)
    return part


@given(records, st.sampled_from(CODECS), st.integers(0, 20_001))
@settings(max_examples=150)
def test_it_reads_the_same_as_kafka_python(some: list[RawRecord], codec: int, start: int) -> None:
    buffer = batch_of(some, codec)
    expected = [
        (r.offset, r.timestamp, r.key, r.value, r.headers)
        for r in DefaultRecordBatch(buffer)
        if r.offset >= start
    ]
    assert records_of(buffer, start) == expected


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("start", [0, 499, 500, 501, 1_200])
def test_a_long_batch_comes_in_chunks(codec: int, start: int, both: Implementation) -> None:
    some: list[RawRecord] = [
        (i, i, b"k", b"%d" % i, {"n": b"%d" % i}) for i in range(2 * CHUNK_RECORDS + 300)
    ]
    buffer = batch_of(some, codec)
    assert [record[0] for record in records_of(buffer, start)] == list(range(start, len(some)))
    most = CHUNK_RECORDS * (NATIVE_CHUNKS if both == "native" else 1)
    assert all(len(part) <= most for part in parts_of(buffer) if isinstance(part, Chunk))


def test_a_chunk_ends_with_the_record_that_reaches_its_size() -> None:
    some: list[RawRecord] = [(i, 0, None, bytes(CHUNK_BYTES // 2), {}) for i in range(5)]
    assert [len(part) for part in parts_of(batch_of(some)) if isinstance(part, Chunk)] == [2, 2, 1]


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_a_batch_that_unpacks_to_too_much_is_unreadable_and_takes_bounded_memory(codec: int) -> None:
    buffer = batch_of([(0, 5, b"k", bytes(64 * MIB), {}), (1, 6, b"k", b"v", {})], codec)
    tracemalloc.start()
    try:
        found = unreadable_of(buffer, max_bytes=4 * MIB)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.first_offset, found.last_offset, found.records, found.timestamp_ms) == (0, 1, 2, 5)
    assert (found.error.reason, found.data) == ("oversize_batch", buffer)
    assert peak < 4 * len(buffer) + 12 * MIB


def test_large_records_are_gone_before_the_next_ones_are_read() -> None:
    """Of a batch of 40 MiB, at most its bytes and one chunk are in memory at a time."""
    buffer = batch_of([(i, 0, None, bytes(10 * MIB), {}) for i in range(4)], GZIP)
    parts = RecordBatch(DefaultRecordBatch(buffer), 0, 64 * MIB).parts()
    next(parts)
    tracemalloc.start()
    try:
        for part in parts:
            assert len(part) == 1
            del part
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 15 * MIB


def recompressed(buffer: bytes, codec: int, data: bytes) -> bytes:
    """The batch with these bytes as its compressed records."""
    changed = bytearray(buffer[:HEADER_BYTES] + data)
    changed[22] = codec
    return bytes(changed)


PLAIN = batch_of([(0, 0, b"k", b"value", {}), (1, 0, b"k", b"value", {})])


def test_several_frames_of_zstd_are_one_batch() -> None:
    data = PLAIN[HEADER_BYTES:]
    pack = zstandard.ZstdCompressor().compress
    assert records_of(recompressed(PLAIN, ZSTD, pack(data[:9]) + pack(data[9:]))) == records_of(PLAIN)


def test_a_zstd_frame_without_its_size_is_read() -> None:
    pack = zstandard.ZstdCompressor(write_content_size=False).compress
    assert records_of(recompressed(PLAIN, ZSTD, pack(PLAIN[HEADER_BYTES:]))) == records_of(PLAIN)


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD, 5, 7])
@pytest.mark.parametrize(
    "data", [b"", b"\0", b"rubbish" * 10, b"\x82SNAPPY\0\0\0\0\1\0\0\0\1\xff\xff\xff\xff", b"\xff" * 9]
)
def test_data_that_is_not_of_its_codec_is_unreadable(codec: int, data: bytes) -> None:
    found = unreadable_of(recompressed(PLAIN, codec, data))
    assert found.error.reason in {"undecodable_batch", "oversize_batch"}
    assert found.records == 2


@given(st.sampled_from([GZIP, SNAPPY, LZ4, ZSTD]), st.data())
def test_damaged_compressed_data_never_raises(codec: int, data: st.DataObject) -> None:
    buffer = bytearray(batch_of([(i, 0, b"key", b"value" * i, {}) for i in range(20)], codec))
    at = data.draw(st.integers(HEADER_BYTES, len(buffer) - 1))
    buffer[at] = data.draw(st.integers(0, 255))
    assert counted(parts_of(bytes(buffer))) == 20


def counted(parts: list[Chunk | UnreadableBatch]) -> int:
    """How many records there are, readable or not."""
    return sum(len(part) if isinstance(part, Chunk) else part.records for part in parts)


@given(records, st.data())
def test_of_a_truncated_batch_every_record_is_counted_once(
    some: list[RawRecord], data: st.DataObject
) -> None:
    some = [(i, *record[1:]) for i, record in enumerate(some)]
    buffer = batch_of(some)
    size = data.draw(st.integers(HEADER_BYTES, len(buffer) - 1))
    parts = parts_of(buffer[:size])
    assert counted(parts) == len(some)
    last = parts[-1]
    assert isinstance(last, UnreadableBatch)
    assert (last.error.reason, last.last_offset) == ("undecodable_batch", len(some) - 1)


@given(records, st.data())
def test_a_batch_with_any_byte_changed_never_raises(some: list[RawRecord], data: st.DataObject) -> None:
    buffer = bytearray(batch_of(some))
    at = data.draw(st.integers(HEADER_BYTES, len(buffer) - 1))
    buffer[at] = data.draw(st.integers(0, 255))
    for part in parts_of(bytes(buffer)):
        if isinstance(part, Chunk):
            assert len(part.origins) == len(part.keys) == len(part.values) == len(part.offsets)
            assert all(isinstance(list(read_headers(origin.headers)), list) for origin in part.origins)


def test_a_record_whose_value_ends_after_the_record_is_unreadable() -> None:
    buffer = bytearray(PLAIN)
    buffer[buffer.index(b"value") - 1] = 2 * 7  # Zigzag for a length of 7; the value has 5 bytes.
    assert unreadable_of(bytes(buffer)).records == 2


def test_the_readable_records_before_a_damaged_one_are_read_and_the_rest_is_one_part() -> None:
    some: list[RawRecord] = [(i, i, b"k", b"value", {}) for i in range(CHUNK_RECORDS + 10)]
    buffer = batch_of(some)
    chunk, rest = parts_of(buffer[:-3])
    assert isinstance(chunk, Chunk)
    assert isinstance(rest, UnreadableBatch)
    assert (len(chunk), rest.first_offset, rest.records) == (CHUNK_RECORDS, CHUNK_RECORDS, 10)
    again = unreadable_of(buffer[:-3], start=CHUNK_RECORDS)
    assert (again.first_offset, again.records) == (CHUNK_RECORDS, 10)


def test_bytes_after_the_last_record_make_a_batch_unreadable() -> None:
    found = unreadable_of(PLAIN + b"\0" * 10)
    assert (found.first_offset, found.last_offset, found.records) == (0, 1, 2)
    assert found.error.detail == "10 bytes follow its last record"


def test_bytes_in_a_batch_of_no_records_make_it_unreadable() -> None:
    buffer = bytearray(PLAIN)
    buffer[HEADER_BYTES - 4 : HEADER_BYTES] = bytes(4)
    assert unreadable_of(bytes(buffer)).records == 0


def test_bytes_after_the_last_record_make_the_last_chunk_unreadable() -> None:
    some: list[RawRecord] = [(i, i, b"k", b"value", {}) for i in range(CHUNK_RECORDS + 10)]
    chunk, rest = parts_of(batch_of(some) + b"\0")
    assert isinstance(chunk, Chunk)
    assert isinstance(rest, UnreadableBatch)
    assert (len(chunk), rest.first_offset, rest.records) == (CHUNK_RECORDS, CHUNK_RECORDS, 10)


def test_a_header_name_that_is_not_utf_8_is_read_as_bytes() -> None:
    buffer = batch_of([(0, 0, b"k", b"v", {"nn": b"x", "m": None})]).replace(b"\x04nn", b"\x04\xff\xfe")
    [chunk] = parts_of(buffer)
    assert isinstance(chunk, Chunk)
    assert list(read_headers(chunk.origins[0].headers)) == [(b"\xff\xfe", b"x"), (b"m", None)]


def test_with_the_brokers_time_every_record_has_the_batchs_largest_timestamp() -> None:
    buffer = bytearray(batch_of([(0, 5, b"k", b"v", {}), (1, 9, b"k", b"v", {})]))
    pack_into(">h", buffer, 21, DefaultRecordBatch.TIMESTAMP_TYPE_MASK)
    [chunk] = parts_of(bytes(buffer))
    assert isinstance(chunk, Chunk)
    assert [origin.timestamp_ms for origin in chunk.origins] == [9, 9]


def test_offsets_that_do_not_ascend_are_unreadable() -> None:
    """As in a batch made by hand: its header says that records were removed."""
    buffer = bytearray(batch_of([(0, 0, b"k", b"v", {}), (5, 0, b"k", b"v", {}), (9, 0, b"k", b"v", {})]))
    at = buffer.rindex(b"\2k\2v\0") - 1
    buffer[at] = 2 * 5
    assert unreadable_of(bytes(buffer)).error.detail == "its offsets do not ascend"
