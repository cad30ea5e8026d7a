"""A changelog record is refused with `Fatal`, or restores a state that ranks, packs and shows its customers."""

import random
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Final

from consumer.domain.aggregate import Aggregate
from consumer.domain.packing import pack_position
from consumer.domain.state import State, TablePlace
from consumer.native_state import NativeState
from contract.changelog import Position, pack_reset, unpack
from contract.customer_rows import CustomerRows
from contract.decode import decode_events
from contract.errors import Fatal
from contract.native_core import NativeCoreFailed
from tests.equality import plain_event, rows_of, text_of
from tests.fuzz.mutation import mutated, showing
from tests.implementations import NATIVE

PIECES: Final = [
    *(
        b"0",
        b"1",
        b"3",
        b"4",
        b"5",
        b"-1",
        b"1.5",
        b"1e400",
        b"null",
        b"true",
        b'""',
        b'"a"',
        b'"zz"',
        b"[]",
        b"{}",
    ),
    *(
        b",",
        b"[",
        b"]",
        b"{",
        b"}",
        b":",
        b'"',
        b"\xff",
        b"9223372036854775807",
        b"18446744073709551616",
        b"9" * 5000,
    ),
    *(
        b'"v":1,',
        b'"v":2,"whole":true,',
        b'"v":9,',
        b'"part":1,',
        b'"completes":true,',
        b'"rows":[],',
        b'"rows":0,',
    ),
    *(b'"position":null,', b"[1,2,3]", b'[1,2,"ff"]', b'["ff"]', b'"-1"', b'"0x1"', b"[" * 2000, b"\\ud83d"),
]
FORMAT_1: Final = b'{"v":1,"whole":false,"rows":[["a",5,"3",2,null,0,["o",4,100]],["b",5,"f",0,"B",9,[]]]}'
FORMAT_2: Final = b'{"v":2,"whole":true,"rows":[["a"],[5],["3"],[2],[null],[0],[1],["o"],[4],[100]]}'


def check(draw: random.Random) -> Counter[str]:
    """Restore mutated records of every format, by both implementations where the core is installed."""
    outcomes: Counter[str] = Counter()
    for _ in range(50):
        value = mutated(draw, draw.choice(records()), PIECES)
        with showing(value):
            outcomes["restored" if _restores(Aggregate(), value) else "refused"] += 1
            _shows(value)
            if NATIVE is not None:
                _is_equal(NativeState(NATIVE, 10, "active", None), value)
    return outcomes


def _restores(state: State, value: bytes) -> bool:
    try:
        restored = state.restore(value)
        state.restored(restored.position)
        state.best()
        state.top(3, "timeframe")
        list(state.pack_changes())
    except NativeCoreFailed:
        raise
    except Fatal:
        return False
    return True


def _is_equal(native: State, value: bytes) -> None:
    """What the native core restores, the reference restores, too, and with the same rows."""
    if not _restores(native, value):
        return
    reference = Aggregate()
    assert _restores(reference, value)
    tables = [
        each.pack_table(TablePlace(), each.totals().customers, 1, 1 << 30)[0] for each in (reference, native)
    ]
    assert rows_of(tables[0]) == rows_of(tables[1])


def _shows(value: bytes) -> None:
    """As `ltv customer` reads a changelog, where nobody answers for the customer."""
    try:
        columns = unpack(value).rows
    except Fatal:
        return
    for customer_id in columns[0][:3]:
        rows = CustomerRows(customer_id)
        rows.add(columns)


@cache
def records() -> Sequence[bytes]:
    """A record of each kind and format."""
    draw = random.Random(0)
    state = Aggregate()
    events, _ = decode_events([text_of(draw, plain_event(draw)) for _ in range(30)])
    state.ingest(events)
    position = Position(
        group="g",
        next_offset=30,
        events=state.events,
        dead_letters=0,
        time_min=state.time_min,
        time_max=state.time_max,
    )
    return [*state.pack_changes(), pack_position(position), pack_reset(position), FORMAT_1, FORMAT_2]
