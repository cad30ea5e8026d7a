"""The fast implementation of a partition's state (`consumer/domain/state.py`), by the native core."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from msgspec import json, to_builtins

from consumer.domain import packing
from consumer.domain.state import Records, Restored, Standing, StateTotals, TablePlace, Taken
from contract.changelog import FORMAT_VERSION, NOT_A_RECORD, Columns, Position, unpack
from contract.errors import Fatal
from contract.events import CustomerEvent, Event, ImageEvent, OrderEvent, SiteVisitEvent
from contract.money import money
from contract.native_core import NativeCoreFailed
from contract.partitioners import Home
from contract.snapshots import Basis
from contract.times import YEAR_ONE

KINDS: Final = (CustomerEvent, SiteVisitEvent, ImageEvent, OrderEvent)
"""As the core counts them."""
_position: Final = json.Decoder(Position).decode
NO_LIMIT: Final = (1 << 64) - 1


class NativeState:
    """A table of customers in the core's memory, with its ranking."""

    def __init__(
        self, core: Any, x: int, basis: Basis, home: Home | None, *, notes_changes: bool = True
    ) -> None:
        """An empty state; for the arguments, see `Aggregate`."""
        self._core = core
        self._state = core.State(x, basis == "active", home, notes_changes)

    def _call(self, call: Callable[..., Any], *arguments: object) -> Any:
        try:
            return call(*arguments)
        except self._core.CoreFailed as error:
            raise NativeCoreFailed(str(error)) from None

    @property
    def changed_bytes(self) -> int:
        """See `State`."""
        changed: int = self._call(self._state.changed_bytes)
        return changed

    def take(self, records: Records, latest: datetime | None = None) -> Taken:
        """See `State`."""
        fields = records.fields
        if fields is None:
            fields = self._core.fields_of(records.values, records.keys)
        if fields is None:
            return Taken({}, range(len(records.values)))
        limit = NO_LIMIT if latest is None else _time(latest)
        counts, rest = self._call(self._state.take, fields, limit)
        return Taken(dict(zip(KINDS, counts, strict=True)), rest)

    def ingest(self, events: Sequence[Event]) -> list[Event]:
        """See `State`."""
        return [event for event in events if not self._call(self._state.add, *_arguments(event))]

    def totals(self) -> StateTotals:
        """See `State`."""
        events, customers, orders, revenue, times = self._call(self._state.totals)
        first, last = map(_instant, times) if times else (None, None)
        return StateTotals(events, customers, orders, revenue, first, last)

    def pack_changes(self) -> Iterator[bytes]:
        """See `State`."""
        return iter(self._call(self._state.pack_changes, _sizes()))

    def pack_table(
        self, place: TablePlace, customers: int, part: int, max_bytes: int
    ) -> tuple[list[bytes], TablePlace]:
        """See `State`."""
        values, after = self._call(self._state.pack_table, place, customers, part, max_bytes, _sizes())
        return values, TablePlace(*after)

    def restore(self, value: bytes) -> Restored:
        """See `State`. Records of older formats are converted to the present one."""
        found = self._call(self._state.restore, value)
        if found is None:
            record = unpack(value)
            if record.empties:
                return Restored(0, record.part, record.position, record.completes, empties=True)
            present = {
                "v": FORMAT_VERSION,
                "part": record.part,
                "completes": record.completes,
                "rows": record.rows,
                "position": to_builtins(record.position),
            }
            found = self._call(self._state.restore, orjson.dumps(present))
        if found is None:
            raise Fatal(NOT_A_RECORD)
        rows, part, completes, position = found
        try:
            return Restored(rows, part, _position(position) if position else None, completes)
        except (ValueError, RecursionError):
            raise Fatal(NOT_A_RECORD) from None

    def restored(self, position: Position | None) -> None:
        """See `State`."""
        times = None
        if position and position.time_min and position.time_max:
            times = (_time(position.time_min), _time(position.time_max))
        self._call(self._state.restored, position.events if position else 0, times)

    def best(self) -> list[Standing]:
        """See `State`."""
        return _standings(self._call(self._state.best))

    def top(self, x: int, basis: Basis) -> list[Standing]:
        """See `State`."""
        return _standings(self._call(self._state.top, x, basis == "active"))

    def customer(self, customer_id: str) -> Callable[[], Columns] | None:
        """See `State`."""
        row = self._call(self._state.customer, customer_id.encode(errors="replace"))
        return None if row is None else lambda: orjson.loads(row)

    def misplaced(self) -> str | None:
        """See `State`."""
        found: str | None = self._call(self._state.misplaced)
        return found


def _sizes() -> tuple[int, int, int, int]:
    """What limits a record: rows, orders of a row, weight, bytes."""
    return (
        packing.ROWS_PER_RECORD,
        packing.ORDERS_PER_ROW,
        packing.WEIGHT_PER_RECORD,
        packing.MAX_PACKED_BYTES,
    )


def _arguments(event: Event) -> tuple[int, bool, int, int, bytes, bytes, bytes | None]:
    """Kind, whether it is an UPDATE, time, cents, customer, key, last name."""
    time, customer = _time(event.event_time), event.customer_id.encode()
    updates = event.verb == "UPDATE"
    if type(event) is OrderEvent:
        return 3, updates, time, event.total_amount, customer, event.order_id.encode(), None
    if type(event) is CustomerEvent:
        name = None if event.last_name is None else event.last_name.encode()
        return 0, updates, time, 0, customer, customer, name
    return KINDS.index(type(event)), updates, time, 0, customer, customer, None


def _time(at: datetime) -> int:
    """A time as the core has it: a stamp without the bit of an UPDATE."""
    since = at - YEAR_ONE
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) << 1


def _instant(time: int) -> datetime:
    return YEAR_ONE + timedelta(microseconds=time >> 1)


def _standings(rows: list[tuple[str, str | None, int, int, int, int]]) -> list[Standing]:
    return [
        Standing(customer_id, name, money(spend), weeks, orders, visits)
        for customer_id, name, spend, weeks, orders, visits in rows
    ]
