"""A record batch gives chunks, and at most one `UnreadableBatch` at its end; both implementations give the same."""

import random
from collections import Counter
from typing import Any, Final

from kafka.record.default_records import DefaultRecordBatch

from cluster.record_batch import Chunk, RecordBatch
from cluster.record_fields import read_headers
from tests.equality import plain_event, text_of
from tests.faults.codecs import CODECS, NONE
from tests.faults.record_batches import RawRecord, record_batch, varint
from tests.fuzz.mutation import mutated, showing
from tests.implementations import NATIVE, in_use

HEADER_BYTES: Final = 61
ATTRIBUTES_AT: Final = 22
LAST_DELTA_AT: Final = 26
MAX_BATCH_BYTES: Final = 1 << 20
UNREADABLE: Final = "unreadable"
PIECES: Final = [
    *(varint(number) for number in (0, 1, -1, 63, 64, 500, 1 << 31, -(1 << 31), 1 << 62, -(1 << 62))),
    *(
        b"\x80" * 12,
        b"\xff" * 12,
        b"\0" * 8,
        b"\x7f\xff\xff\xff",
        b"\x82SNAPPY\0",
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
    ),
]


def check(draw: random.Random) -> Counter[str]:
    """Read batches that are damaged before or after they were compressed."""
    outcomes: Counter[str] = Counter()
    for _ in range(20):
        batch = _batch(draw)
        from_offset = draw.choice([0, 0, 1, 7])
        with showing(batch):
            found = _parts(batch, from_offset, "python")
            if NATIVE is not None:
                assert _parts(batch, from_offset, "native") == found
        assert all(part[0] != UNREADABLE for part in found[:-1])
        outcomes[UNREADABLE if found and found[-1][0] == UNREADABLE else "read"] += 1
    return outcomes


def _parts(batch: bytes, from_offset: int, implementation: str) -> list[tuple[Any, ...]]:
    """The records, and what can't be read; the chunks' borders differ between the implementations."""
    found: list[tuple[Any, ...]] = []
    with in_use("native" if implementation == "native" else "python"):
        parts = list(RecordBatch(DefaultRecordBatch(batch), from_offset, MAX_BATCH_BYTES).parts())
        for part in parts:
            found += (
                _records(part) if isinstance(part, Chunk) else [(UNREADABLE, *part[:-1], str(part.error))]
            )
    return found


def _records(chunk: Chunk) -> list[tuple[Any, ...]]:
    assert len(chunk) == len(chunk.keys) == len(chunk.values) == len(chunk.origins) > 0
    headers = [list(read_headers(origin.headers)) for origin in chunk.origins]
    return list(zip(chunk.offsets, chunk.keys, chunk.values, chunk.origins, headers, strict=True))


def _batch(draw: random.Random) -> bytes:
    records = [
        RawRecord(
            draw.choice([None, b"", b"customer"]),
            draw.choice([None, b"", text_of(draw, plain_event(draw))]),
            headers=[(b"h", draw.choice([None, b"1"]))] * draw.choice([0, 0, 0, 1, 3]),
            delta_ms=draw.choice([0, 1, 1000]),
        )
        for _ in range(draw.choice([1, 2, 20, 700]))
    ]
    count = draw.choice([None, None, None, 1, len(records) + 1, max(1, len(records) - 1)])
    batch = record_batch(records, NONE, count=count, width=draw.choice([1, 1, 3]))
    header, data = bytearray(batch[:HEADER_BYTES]), batch[HEADER_BYTES:]
    if draw.random() < 0.7:
        data = mutated(draw, data, PIECES)
    codec = draw.choice(list(CODECS.values()))
    packed = codec.pack([data])
    if draw.random() < 0.3:
        packed = mutated(draw, packed, PIECES)
    header[ATTRIBUTES_AT] = codec.number if draw.random() < 0.95 else draw.randrange(8)
    if draw.random() < 0.1:
        header[LAST_DELTA_AT] ^= 1  # As where compaction has removed records.
    return bytes(header) + packed
