"""Hostile records: each blow is a named function that makes batches which a broker with its default limits accepts.

A blow's records say which of them are valid events. Valid events stand on their customers' partition; a batch that
unpacks to more than MAX_BATCH_BYTES is not read, so none of its events counts.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import count, islice
from typing import Any, Final, Literal

from kafka.partitioner.default import murmur2

from tests.faults.codecs import CODECS, GZIP, LZ4, NONE, ZSTD
from tests.faults.record_batches import Codec, Fill, Header, RawRecord, record_batch, unpacked_bytes, varint

PARTITIONS: Final = 2
MAX_BATCH_BYTES: Final = 64 << 20
"""A consumer does not read a batch that unpacks to more."""
MAX_WIRE_BYTES: Final = 1_048_588
"""The broker's default for the largest batch."""
MAX_EVENT_BYTES: Final = 1_000_000
GB: Final = 10**9
MAX_I64: Final = 2**63 - 1


@dataclass(frozen=True)
class Batch:
    """Records of one partition that are sent as one batch."""

    partition: int
    records: Sequence[RawRecord]
    codec: Codec = GZIP
    options: dict[str, Any] = field(default_factory=dict)
    end: Literal["", "commit", "abort"] = ""
    """How the batch's transaction ends; "": it has none."""

    def wire(self, **more: Any) -> bytes:
        """The batch as it is sent; its records are of now, so that retention keeps them."""
        now_ms = int(time.time() * 1000)
        return record_batch(self.records, self.codec, **{"timestamp_ms": now_ms, **self.options, **more})

    @property
    def is_read(self) -> bool:
        """Whether it is small enough that a consumer reads its records."""
        return unpacked_bytes(self.records) <= MAX_BATCH_BYTES


Blow = Callable[[], Iterator[Batch]]
BLOWS: Final[dict[str, Blow]] = {}
"""What it is called in the table -> its batches."""
SHORT_VALUES: Final = "500,000 values of one byte in one batch"
ANY_RATIO: Final = ("--max-dead-letter-ratio", "1")
LARGE_BATCH: Final = "invalid events of a third, 630 MB, in one batch"
OPTIONS: Final[dict[str, tuple[str, ...]]] = {LARGE_BATCH: ANY_RATIO, SHORT_VALUES: ANY_RATIO}
"""Blow -> the options with which a consumer survives it; with the defaults, if it is not here."""


def blow(name: str) -> Callable[[Blow], Blow]:
    """Add a function to BLOWS."""

    def add(function: Blow) -> Blow:
        BLOWS[name] = function
        return function

    return add


def partition_of(key: bytes) -> int:
    """The partition on which Java's partitioner, and ours, puts a key."""
    return int((murmur2(key) & 0x7FFFFFFF) % PARTITIONS)


@cache
def customers(prefix: str, number: int, partition: int = 0) -> list[str]:
    """The first customers with this prefix whose events belong on the partition."""
    ids = (f"{prefix}{i}" for i in count())
    return list(islice((each for each in ids if partition_of(each.encode()) == partition), number))


def visit(customer: str, number: int, at: str = "2025-06-01", **fields: Any) -> RawRecord:
    """A valid visit; fields override its own."""
    event = {
        "type": "SITE_VISIT",
        "verb": "NEW",
        "key": f"page{number}",
        "event_time": f"{at}T12:00:00.000Z",
        "customer_id": customer,
    }
    return RawRecord(customer.encode(), json.dumps(event | fields).encode(), valid=True)


def order(customer: str, number: int, at: str = "2025-06-01", **fields: Any) -> RawRecord:
    """A valid order of 1 to 100 dollars; fields override its own."""
    event = {
        "type": "ORDER",
        "verb": "NEW",
        "key": f"order{number}",
        "event_time": f"{at}T12:00:00.000Z",
        "customer_id": customer,
        "total_amount": f"{number % 100 + 1}.25 USD",
    }
    return RawRecord(customer.encode(), json.dumps(event | fields).encode(), valid=True)


def with_text(record: RawRecord, text: bytes, *, valid: bool) -> RawRecord:
    """The record's event with further fields, as text."""
    assert isinstance(record.value, bytes)
    return record._replace(value=record.value[:-1] + b"," + text + b"}", valid=valid)


def _batches(records: Sequence[RawRecord], size: int, codec: Codec = GZIP, **options: Any) -> Iterator[Batch]:
    for start in range(0, len(records), size):
        yield Batch(0, records[start : start + size], codec, options)


@blow("a key of 5 MB")
def a_long_key() -> Iterator[Batch]:
    yield Batch(0, [RawRecord(Fill(b"k", 5 * 10**6), b"{}")])


@blow("a key of 3.5 MB with a value of 0.9 MB")
def a_long_key_and_value() -> Iterator[Batch]:
    yield Batch(0, [RawRecord(Fill(b"k", 3_500_000), Fill(b"v", 900_000))])


FORGED: Final[list[Header]] = [
    (b"ltv.reason", b"empty"),
    (b"ltv.offset", b"0"),
    (b"ltv.records", b"1000"),
    (b"ltv.truncated-from", b"7"),
]


@blow("header names that are not UTF-8, null values, forged headers of a dead letter")
def bad_header_names() -> Iterator[Batch]:
    (customer,) = customers("names", 1)
    headers: list[Header] = [(b"\xff\xfe", b"\xff"), (b"", None), (b"n", b""), *FORGED]
    for codec in (NONE, GZIP):
        records = [RawRecord(b"k", b"no JSON", headers=headers), order(customer, 1)._replace(headers=headers)]
        yield Batch(0, records, codec)


@blow("100,000 headers on a record")
def many_headers() -> Iterator[Batch]:
    (customer,) = customers("headers", 1)
    headers = [(b"h", b"")] * 100_000
    yield Batch(0, [RawRecord(b"k", b"", headers=headers), order(customer, 1)._replace(headers=headers)])


@blow("a header of 4 MB")
def a_long_header() -> Iterator[Batch]:
    headers: list[Header] = [(b"h", Fill(b"x", 4_000_000)), (b"n" * 100_000, b"")]
    yield Batch(0, [RawRecord(b"k", b"no JSON", headers=headers)])


@blow("20,000 customers in the years 1 and 9999")
def far_years() -> Iterator[Batch]:
    yield Batch(0, _far_years("far", 20_000))


def _far_years(prefix: str, number: int) -> list[RawRecord]:
    who = customers(prefix, number)
    years = ("0001-06-01", "9999-06-01")
    return [visit(customer, i, at) for i, customer in enumerate(who) for at in years]


@blow("the same over time, with ordinary visits between")
def far_years_over_time() -> Iterator[Batch]:
    records = _far_years("spread", 20_000)
    who = customers("spread", 20_000)
    for start in range(0, len(records), 4_000):
        yield Batch(0, records[start : start + 4_000])
        yield Batch(
            0, [visit(customer, i, "2025-01-01") for i, customer in enumerate(who[:: len(who) // 500])]
        )


@blow("a customer in 100,000 different weeks")
def many_weeks() -> Iterator[Batch]:
    (customer,) = customers("weeks", 1)
    months = [
        (year, month, day) for year in range(1, 2085) for month in range(1, 13) for day in (1, 8, 15, 22)
    ]
    records = [
        visit(customer, i, f"{year:04}-{month:02}-{day:02}") for i, (year, month, day) in enumerate(months)
    ]
    yield from _batches(records[:100_000], 25_000)


@blow("records whose lengths, offsets and attributes lie")
def lying_records() -> Iterator[Batch]:
    """Brokers read a compressed record's fields, but not its length; and no offset of an uncompressed one."""
    one, overflow = varint(1), b"\x82\x80\x80\x80\x70"
    lies: tuple[dict[str, Any], ...] = (
        {"key": varint(-2)},
        {"value": varint(-2)},
        {"headers": one + one + b"h" + varint(-2)},
        {"attributes": b"\x7f"},
        {"timestamp": varint(0, 10)},
        {"value": overflow + b"v"},
    )
    for lie in lies:
        for codec in (NONE, GZIP):
            yield Batch(0, [_lying(**lie)], codec)
    for length in (5, 12, 2**31 - 1):
        yield Batch(0, [_lying(length=length)], ZSTD)
    for delta in (-1, 5, 2**31 - 1, -(2**31)):
        yield Batch(0, [_lying(offset=varint(delta))], NONE)


def _lying(
    attributes: bytes = b"\0",
    timestamp: bytes = varint(0),
    offset: bytes = varint(0),
    key: bytes = varint(1) + b"k",
    value: bytes = varint(1) + b"v",
    headers: bytes = varint(0),
    length: int = 0,
) -> RawRecord:
    """An invalid event with these bytes as the record's fields; `length` 0: the true one."""
    body = attributes + timestamp + offset + key + value + headers
    says = RawRecord(None if len(key) == 1 else b"k", None if len(value) == 1 else b"v")
    return says._replace(encoded=varint(length or len(body)) + body)


def _blanks(codec: str, size: int) -> Blow:
    def make() -> Iterator[Batch]:
        yield Batch(0, [RawRecord(b"k", Fill(b" ", size))], CODECS[codec])

    return make


for _codec, _size in {
    "zstd": GB,
    "zstd, a window of 128 MiB": GB,
    "gzip": GB,
    "lz4": 240 * 10**6,
    "lz4, blocks of 4 MiB": 240 * 10**6,
    "snappy, xerial blocks": 20 * 10**6,
    "snappy, raw": 20 * 10**6,
}.items():
    blow(f"a value of {_size / GB:g} GB of blanks ({_codec})")(_blanks(_codec, _size))


def _tag_bombs(prefix: str, number: int) -> list[RawRecord]:
    (customer,) = customers(prefix, 1)
    bomb = b'"tags":[' + b"{}," * 299_900 + b"{}]"
    return [with_text(visit(customer, i), bomb, valid=True) for i in range(number)]


@blow("150 events with 300,000 tags each, in one batch")
def tags_in_one_batch() -> Iterator[Batch]:
    yield Batch(0, _tag_bombs("bombs", 150))


@blow("150 events with 300,000 tags each, in batches of 54 MB")
def tags_in_batches() -> Iterator[Batch]:
    yield from _batches(_tag_bombs("tags", 150), 60)


@blow(LARGE_BATCH)
def letters_in_one_batch() -> Iterator[Batch]:
    yield Batch(0, _third_invalid(630), ZSTD)


@blow("invalid events of a third, 630 MB, in batches of 60 MB")
def letters_in_batches() -> Iterator[Batch]:
    yield from _batches(_third_invalid(630), 180, ZSTD)


def _third_invalid(number: int) -> list[RawRecord]:
    """`number` invalid events of 1 MB, and twice as many short valid ones."""
    (customer,) = customers("third", 1)
    return [
        record
        for i in range(number)
        for record in (
            RawRecord(b"k", Fill(b"x", MAX_EVENT_BYTES)),
            order(customer, 2 * i),
            order(customer, 2 * i + 1),
        )
    ]


@blow("timestamps at the limits of 64 bits")
def odd_timestamps() -> Iterator[Batch]:
    (customer,) = customers("times", 1)
    for codec in (NONE, GZIP):
        for first_ms in (-1, -MAX_I64 - 1, MAX_I64, -(2**40)):
            records = [RawRecord(b"k", b"no JSON"), order(customer, 1)]
            yield Batch(0, records, codec, {"timestamp_ms": first_ms})
        deltas = (0, -(2**62), 2**62, MAX_I64)
        records = [RawRecord(b"k", b"no JSON", delta_ms=delta_ms) for delta_ms in deltas]
        yield Batch(0, records, codec, {"timestamp_ms": 0})


@blow("numbers in more bytes than they need")
def wide_numbers() -> Iterator[Batch]:
    who = customers("wide", 50)
    records = [order(customer, i)._replace(headers=[(b"h", b"v")]) for i, customer in enumerate(who)]
    for codec in (NONE, GZIP):
        yield Batch(0, [*records, RawRecord(None, b"no JSON"), RawRecord(b"", None)], codec, {"width": 5})


@blow("100,000 orders whose ids are 256 characters to escape")
def long_ids() -> Iterator[Batch]:
    who = customers("ids", 1_000)
    records = [order(who[i % 1_000], i, key=f"{i:06}".rjust(256, "\x01")) for i in range(100_000)]
    yield from _batches(records, 20_000, ZSTD)


@blow("100,000 customers whose ids are 256 characters to escape")
def long_customer_ids() -> Iterator[Batch]:
    records = [order(customer, i) for i, customer in enumerate(customers("\x01" * 250, 100_000))]
    yield from _batches(records, 20_000, ZSTD)


@blow(SHORT_VALUES)
def short_values() -> Iterator[Batch]:
    yield Batch(0, [RawRecord(None, b"1")] * 500_000, ZSTD)


@blow("deep nesting, surrogates, NaN, double keys, long numbers, wrong keys")
def odd_json() -> Iterator[Batch]:
    (customer,) = customers("json", 1)
    digits = b"9" * 900_000
    odd = [
        RawRecord(b"k", b"[" * MAX_EVENT_BYTES),
        RawRecord(b"k", b'{"a":' * 199_999),
        with_text(order(customer, 1), b'"a":' + b"[" * 400_000 + b"]" * 400_000, valid=False),
        with_text(order(customer, 2), b'"last_name":"\\ud800"', valid=False),
        with_text(order(customer, 3), b'"note":NaN', valid=False),
        with_text(visit(customer, 4), b'"tags":[{"a":-Infinity}]', valid=False),
        with_text(order(customer, 5), b'"note":1,"note":[2],"verb":"NEW"', valid=True),
        with_text(order(customer, 6), b'"note":' + digits, valid=True),
        with_text(visit(customer, 7), b'"tags":[{"a":' + digits + b"}]", valid=True),
        with_text(order(customer, 8), b'"note":1e' + digits, valid=True),
        with_text(order(customer, 9), b'"note":"' + b"\\u0001" * 150_000 + b'"', valid=True),
        order(customer, 10)._replace(key=b"another", valid=False),
        order(customer, 11)._replace(key=None, valid=False),
        order(customer, 12)._replace(key=Fill(b"k", 900_000), valid=False),
        order(customer, 13, customer_id=["c"] * 100_000)._replace(valid=False),
        order(customer, 14, total_amount="9" * 900_000 + ".00 USD")._replace(valid=False),
        order(customer, 15, event_time="2025-01-01T00:00:00." + "1" * 900_000 + "Z"),
        order(customer, 16, type="x" * 900_000)._replace(valid=False),
    ]
    for i in range(0, len(odd), 6):
        yield Batch(0, odd[i : i + 6], LZ4)


@blow("one record of 900 KB, and one of exactly the largest batch")
def long_records() -> Iterator[Batch]:
    (customer,) = customers("long", 1)
    yield Batch(0, [with_text(order(customer, 1), b'"note":"' + b"x" * 900_000 + b'"', valid=True)], NONE)
    beside = len(record_batch([RawRecord(b"k", b"x" * MAX_EVENT_BYTES)], NONE)) - MAX_EVENT_BYTES
    yield Batch(0, [RawRecord(b"k", Fill(b"x", MAX_WIRE_BYTES - beside))], NONE)


@blow("every codec")
def every_codec() -> Iterator[Batch]:
    who = customers("codec", 500)
    for codec in CODECS.values():
        yield Batch(0, [*(order(customer, i) for i, customer in enumerate(who)), RawRecord(b"k", b"")], codec)


@blow("aborted transactions among committed ones")
def transactions() -> Iterator[Batch]:
    who = customers("transactions", 100)
    records = [*(order(customer, i) for i, customer in enumerate(who)), RawRecord(b"k", b"no JSON")]
    for codec in (NONE, GZIP, ZSTD):
        yield Batch(0, records, codec, end="abort")
        yield Batch(0, records, codec, end="commit")
    yield Batch(0, [RawRecord(b"k", Fill(b" ", GB))], ZSTD, end="abort")
    yield Batch(0, [RawRecord(Fill(b"k", 5 * 10**6), b"{}")], end="abort")


@blow("100 batches that unpack to 60 MB each, on all partitions")
def many_large_batches() -> Iterator[Batch]:
    batches = [Batch(number, [RawRecord(b"k", Fill(b" ", 60 * 10**6))], ZSTD) for number in range(PARTITIONS)]
    for _ in range(100 // PARTITIONS):
        yield from batches


@blow("20 batches of 60 valid events of 0.9 MB, on all partitions")
def many_large_valid_batches() -> Iterator[Batch]:
    for i in range(20):
        number = i % PARTITIONS
        (customer,) = customers(f"large{number}-", 1, number)
        note = b'"note":"' + b"x" * 900_000 + b'"'
        yield Batch(number, [with_text(visit(customer, 0), note, valid=True)] * 60, ZSTD)
