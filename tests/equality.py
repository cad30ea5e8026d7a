"""The native core is equal to the reference, or leaves an event to it: `make fuzz`, and for a moment in `make test`.

Each check is made from a seed, which a failure names.
"""

import json
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from cluster.record_batch import RecordBatch
from cluster.settings import Cluster
from consumer.domain.state import State, TablePlace
from consumer.native_state import KINDS
from consumer.new_state import new_state
from consumer.settings import Settings
from consumer.stream.partition import Partition
from contract.changelog import active_weeks, unpack
from contract.decode import decode_event, decode_events
from contract.errors import InvalidEvent
from contract.events import CustomerEvent, OrderEvent
from contract.partitioners import PARTITIONERS, Partitioner
from contract.times import YEAR_ONE
from tests.implementations import BOTH, NATIVE, in_use

EVENTS_AT_ONCE: Final = 200
PIECES: Final = [
    *(
        b'"',
        b"\\",
        b"\\u0041",
        b"\\ud83d\\ude00",
        b"\\ud83d",
        b"\\udead",
        b"\\/",
        b"\\q",
        b"\\u00e9",
        b"\\u0000",
    ),
    *(
        b"\xf0\x9f\x98\x80",
        b"\xed\xa0\x80",
        b"\xc3\xa9",
        b"\xff",
        b"\x00",
        b"\x1f",
        b"\x7f",
        b" ",
        b"\t",
        b"\n",
    ),
    *(b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"1", b"-0", b"01", b"1e5", b"1.5", b"1.", b".5"),
    *(b"123456789012345678901234567890", b"0.1234567890123456789", b"NaN", b"Infinity", b"-", b"1e999"),
    *(
        b'"type":"ORDER",',
        b'"verb":"UPDATE",',
        b'"key":null,',
        b'"x":{"a":[1,{"b":null}]},',
        b'"x":[[[[]]]],',
    ),
    *(
        b'"tags":[{"a":1.5,"b":"c","d":null,"e":true}],',
        b'"tags":[{"a":[1]}],',
        b'"tags":{},',
        b'"tags":null,',
    ),
    *(b'"last_name":"\xc3\xa9",', b'"last_name":null,', b'"adr_city":5,', b'"customer_id":"",', b"x" * 300),
    *(
        "é".encode() * 150,
        "é".encode() * 201,
        b"Z",
        b"z",
        b"T",
        b"t",
        b"+02:00",
        b"-00:00",
        b"+24:00",
        b"-23:59",
    ),
    *(b".1234567", b".12", b"24", b"60", b"00", b"0000", b"9999", b"0001", b"29", b"30", b"31", b"02", b"W"),
    *(b" USD", b".", b"0", b"999999999999999", b"1000000000000000", b"EUR", b"\xef\xbb\xbf", b"\xe2\x80\xa8"),
]
TIMES: Final = [
    *("2024-02-29T23:59:59.999999Z", "2023-02-29T00:00:00Z", "2016-12-31T23:59:60Z", "0001-01-01T00:00:00Z"),
    *(
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59.9Z",
        "9999-12-31T23:59:59-00:01",
        "1900-02-29T00:00:00Z",
    ),
    *("2025-06-01T02:00:00+05:30", "2025-06-07T23:59:59.9999999Z", "2025-06-01T00:00:00.123456789-11:00"),
    *(
        "2025-06-01t02:00:00z",
        "20250601T020000Z",
        "2025-06-01 02:00:00Z",
        "2025-06-01T02:00Z",
        "2025-W22-7T00:00Z",
    ),
]
IDS: Final = [
    "a",
    "b" * 12,
    "c" * 13,
    "é" * 6,
    "é" * 7,
    "d" * 256,
    "x\u2028y",
    '"',
    "\\",
    "\x00",
    "\n",
    "😀",
    "k",
]
AMOUNTS: Final = [
    "1 USD",
    "2.5 USD",
    "10.00 USD",
    "0012.30 USD",
    "999999.99 USD",
    "1000000000000000 USD",
    "0 USD",
]


KEY_FIELDS: Final = ("order_id", "page_id", "image_id", "customer_id")


def plain_event(draw: random.Random) -> dict[str, Any]:
    """A valid event."""
    kind = draw.choice(["CUSTOMER", "SITE_VISIT", "IMAGE", "ORDER", "ORDER"])
    event: dict[str, Any] = {"type": kind, "verb": draw.choice(["NEW", "UPDATE"]), "key": draw.choice(IDS)}
    event["event_time"] = _time(draw)
    if kind == "CUSTOMER":
        event["last_name"] = draw.choice(["A", "B", "é", None, 'q"\\', "\x01", "", "n" * 200])
    else:
        event["customer_id"] = draw.choice(IDS)
    if kind == "ORDER":
        event["total_amount"] = draw.choice(AMOUNTS)
    elif kind != "CUSTOMER":
        event["verb"] = "NEW" if kind == "SITE_VISIT" else "UPLOAD"
    if kind == "SITE_VISIT" and draw.random() < 0.3:
        event["tags"] = [{"a": draw.choice([1, 1.5, None, "é", True])}]
    return event


def _time(draw: random.Random) -> str:
    year = draw.choice([2024, 2025, 2025, 2025, draw.randrange(1, 9999)])
    day = f"{year:04d}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"
    zone = draw.choice(["Z", "Z", "Z", "+02:00", "-23:59", ".5Z", ".1234567Z"])
    return f"{day}T{draw.randrange(24):02d}:00:00{zone}"


def text_of(draw: random.Random, event: dict[str, Any]) -> bytes:
    """An event as JSON, in one of the ways to write it."""
    separators = draw.choice([(",", ":"), (", ", ": "), (" ,\n", "\t: ")])
    return json.dumps(event, ensure_ascii=draw.random() < 0.5, separators=separators).encode()


def mutated_event(draw: random.Random) -> bytes:
    """An event, mostly one that is no longer valid, or unusual."""
    event = plain_event(draw)
    how = draw.random()
    if how < 0.2:
        return text_of(draw, event)
    if how < 0.4:
        items = list(event.items())
        draw.shuffle(items)
        name = draw.choice(["x", "type", "tags", "last_name", "adr_city", "camera_make", "note"])
        items.append((name, draw.choice([1, None, 1.5, [{"a": 1}], {"a": {"b": []}}, "é" * 201, "x" * 200])))
        at = draw.randrange(len(items))
        values = [*AMOUNTS, *TIMES, "é" * 256, "é" * 257, "x" * 257, None, "", "1000000000000000.00 USD"]
        items[at] = (items[at][0], draw.choice(values))
        return text_of(draw, dict(items))
    value = bytearray(text_of(draw, event))
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        start = draw.randrange(len(value) + 1)
        end = min(len(value), start + draw.choice([0, 0, 1, 1, 2, 4, 8]))
        value[start:end] = draw.choice(PIECES) if draw.random() < 0.7 else bytes([draw.randrange(256)])
    return bytes(value)


def by_reference(value: bytes, *, at_once: bool) -> tuple[Any, ...] | None:
    """What the reference makes of an event, as the core says it; None: it is invalid."""
    try:
        [event] = decode_events([value])[0] if at_once else [decode_event(value)]
    except (InvalidEvent, ValueError):
        return None
    since = event.event_time - YEAR_ONE
    key = next(
        getattr(event, name)
        for name in ("order_id", "page_id", "image_id", "customer_id")
        if hasattr(event, name)
    )
    return (
        KINDS.index(type(event)),
        event.verb == "UPDATE",
        2 * (since // timedelta(microseconds=1)),
        event.total_amount if isinstance(event, OrderEvent) else 0,
        event.customer_id.encode(),
        key.encode(),
        event.last_name.encode()
        if isinstance(event, CustomerEvent) and event.last_name is not None
        else None,
    )


def check_events(seed: int) -> tuple[int, int]:
    """Decode mutated events; returns how many there were, and how many the core took."""
    draw = random.Random(seed)
    taken = 0
    for number in range(EVENTS_AT_ONCE):
        value = mutated_event(draw)
        got = NATIVE.decode_event(value)
        if got is not None:
            taken += 1
            found = tuple(bytes(field) if isinstance(field, list) else field for field in got)
            assert found == by_reference(value, at_once=number % 2 == 0), (seed, value)
    return EVENTS_AT_ONCE, taken


def check_history(seed: int) -> tuple[int, int]:
    """Give both implementations the same records; returns how many records there were, and how many letters."""
    draw = random.Random(seed)
    settings = Settings(
        Cluster(bootstrap_servers="nowhere:1"),
        partitioner=draw.choice(["murmur2", "crc32", "fnv1a", "unchecked", "unchecked"]),
        top=draw.choice([1, 2, 3, 10]),
        basis=draw.choice(["active", "timeframe"]),
        max_event_time_ahead_s=draw.choice([None, None, 3600.0]),
    )
    sides = {name: _partition(name, settings) for name in BOTH}
    logs: dict[str, list[bytes]] = {name: [] for name in BOTH}
    records = letters = 0
    for _ in range(draw.randrange(1, 6)):
        for _ in range(draw.randrange(3)):
            batch = _batch(draw, sides["python"].next_offset, settings.partitioner)
            start = sides["python"].next_offset
            for name, partition in sides.items():
                with in_use(name):
                    for part in RecordBatch(DefaultRecordBatch(batch), start, 1 << 20).parts():
                        partition.ingest(part)
            _assert_equal(seed, sides, _of_partition)
        for name, partition in sides.items():
            partition.write_changes(logs[name].append, rewrites=False)
        _assert_same_rows(seed, logs)
        _assert_equal(seed, sides, lambda partition: partition.state.best())
        records += sides["python"].uncommitted
        letters += len(sides["python"].dead)
        for partition in sides.values():
            partition.committed(0, 0, 0)
        if draw.random() < 0.3:
            _swap(seed, draw, sides, logs)
    return records, letters


def _partition(name: Any, settings: Settings) -> Partition:
    with in_use(name):
        return Partition(0, settings, 2)


def _batch(draw: random.Random, offset: int, partitioner: Partitioner) -> bytes:
    """A record batch, perhaps with holes, damage, wrong keys, and invalid events."""
    builder = DefaultRecordBatchBuilder(2, draw.randrange(5), False, -1, -1, -1, 1 << 20)
    holes = draw.random() < 0.2
    place = PARTITIONERS.get(partitioner)
    for _ in range(draw.choice([1, 7, 60, 600])):
        value: bytes | None = text_of(draw, plain_event(draw))
        if draw.random() < 0.05:
            value = draw.choice([None, b"", mutated_event(draw)])
        try:
            key: bytes | None = decode_event(value).customer_id.encode()
        except InvalidEvent:
            key = draw.choice([None, b"a"])
        if draw.random() < 0.02:
            key = draw.choice([None, b"", b"other"])
        if place and key and place(key, 2) and draw.random() < 0.9:
            continue
        timestamp_ms = draw.choice([0, 1_748_000_000_000, 1_749_000_000_000])
        builder.append(offset, timestamp_ms, key, value, [("h", b"1")] if draw.random() < 0.1 else [])
        offset += draw.randrange(1, 4) if holes else 1
    builder.append(offset, 0, b"k", text_of(draw, plain_event(draw)), [])
    batch = bytearray(builder.build())
    if draw.random() < 0.1:
        batch[draw.randrange(61, len(batch))] ^= 1 << draw.randrange(8)
    return bytes(batch)


def _swap(seed: int, draw: random.Random, sides: dict[Any, Partition], logs: dict[str, list[bytes]]) -> None:
    """Restore each side from what the other one wrote: its changes, or its table in parts."""
    position = unpack(logs["python"][-1]).position
    assert position
    if draw.random() < 0.5:
        for name, partition in sides.items():
            logs[name] = [*_table(partition.state, draw.choice([1, 200, 1 << 20])), logs[name][-1]]
        _assert_same_rows(seed, logs)
    for name, other in zip(BOTH, reversed(BOTH), strict=True):
        with in_use(name):
            home = sides[name].placement.home
            state = new_state(
                sides[name].settings.top,
                sides[name].settings.basis,
                None if home.partitioner == "unchecked" else home,
            )
        for value in logs[other]:
            state.restore(value)
        state.restored(position)
        sides[name].state = state
    _assert_equal(seed, sides, _of_state)


def _table(state: State, part_bytes: int) -> list[bytes]:
    values: list[bytes] = []
    place, part, customers = TablePlace(), 0, state.totals().customers
    while place.customer < customers:
        part += 1
        some, place = state.pack_table(place, customers, part, part_bytes)
        values += some
    return values


def rows_of(values: Sequence[bytes]) -> dict[str, Any]:
    """What the rows of changelog records say in the end: a customer's fields, and its orders."""
    found: dict[str, Any] = {}
    for value in values:
        columns = orjson.loads(value)["rows"]
        at = 0
        for row in zip(*columns[:6], columns[6], strict=True):
            count = row[6]
            orders = zip(*(column[at : at + count] for column in columns[7:]), strict=True)
            at += count
            known = found.get(row[0], (None, {}))[1]
            weeks = active_weeks(row[1], row[2])
            found[row[0]] = ((weeks, *row[3:6]), known | {order_id: version for order_id, *version in orders})
    return found


def _assert_same_rows(seed: int, logs: dict[str, list[bytes]]) -> None:
    python, native = (rows_of(logs[name]) for name in BOTH)
    different = [(row, native.get(name)) for name, row in python.items() if row != native.get(name)]
    assert not different, (seed, different[0])
    assert python.keys() == native.keys(), seed


def _of_partition(partition: Partition) -> object:
    placed = partition.placement
    return (
        partition.next_offset,
        partition.uncommitted,
        partition.dead,
        {kind: count for kind, count in partition.event_types.items() if count},
        (placed.seen, placed.misplaced),
        partition.state.totals(),
    )


def _of_state(partition: Partition) -> object:
    state = partition.state
    tops = [state.top(x, basis) for x in (1, 5, 100) for basis in ("active", "timeframe")]
    customers = {}
    for customer_id in IDS:
        copied = state.customer(customer_id)
        if copied:
            row = copied()
            weeks = active_weeks(row[1][0], row[2][0])
            customers[customer_id] = (weeks, row[3:7], sorted(zip(*row[7:], strict=True)))
    return state.totals(), state.best(), state.misplaced(), tops, customers


def _assert_equal(seed: int, sides: dict[Any, Partition], what: Callable[[Partition], object]) -> None:
    python, native = what(sides["python"]), what(sides["native"])
    assert python == native, f"seed {seed}:\n{python}\n{native}"
