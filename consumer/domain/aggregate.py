"""The reference implementation of a partition's state (`consumer/domain/state.py`)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from heapq import nsmallest
from itertools import islice

from consumer.domain import packing
from consumer.domain.ingest import ingest_events
from consumer.domain.packing import pack_rows, rows_of, weight
from consumer.domain.rows import apply_columns, columns_of, order_columns
from consumer.domain.state import Records, Restored, Standing, TablePlace, Taken
from consumer.domain.table import Change, Customer, Orders, Table
from consumer.domain.top import Top
from contract.changelog import ORDER_COUNTS, Columns, Position, unpack
from contract.events import Event
from contract.lifetime_value import rank_position
from contract.money import money
from contract.partitioners import Home
from contract.snapshots import Basis


class Aggregate(Table):
    """A table of customers in dictionaries, with its ranking."""

    def __init__(
        self,
        x: int = 10,
        basis: Basis = "active",
        home: Home | None = None,
        *,
        notes_changes: bool = True,
    ) -> None:
        """An empty state.

        Args:
            x: the number of customers that `best` returns.
            basis: that of the ranking.
            home: where customers belong; None: here.
            notes_changes: whether `pack_changes` will be called. If not, the changes would only fill the memory.
        """
        super().__init__(notes_changes=notes_changes)
        self._home = home
        self._top = Top(x, basis)

    def take(self, records: Records, latest: datetime | None = None) -> Taken:
        """Nothing is taken: the reference works on decoded events."""
        return Taken({}, range(len(records.values)))

    def ingest(self, events: Sequence[Event]) -> list[Event]:
        """See `State`."""
        return ingest_events(events, self, self._home.has if self._home else None)

    def pack_changes(self) -> Iterator[bytes]:
        """See `State`. ROWS_PER_RECORD customers at a time stay in the processor's cache from step to step."""
        everyone = self.customers.values()
        while changes := self.take_changes(packing.ROWS_PER_RECORD):
            self._top.update(changes, everyone)
            yield from pack_rows(changes)

    def pack_table(
        self, place: TablePlace, customers: int, part: int, max_bytes: int
    ) -> tuple[list[bytes], TablePlace]:
        """See `State`."""
        values: list[bytes] = []
        size = 0
        rows = self._rows(place, customers)
        while size < max_bytes and (group := list(_of_one_record(rows))):
            for value in pack_rows(group, part=part):
                values.append(value)
                size += len(value)
            place = _after(place, group)
        return values, place

    def _rows(self, place: TablePlace, customers: int) -> Iterator[Change]:
        """The rows of the table from this place on."""
        skip = place.order
        for customer in islice(self, place.customer, customers):
            yield from rows_of((customer, customer.orders), skip)
            skip = 0

    def restore(self, value: bytes) -> Restored:
        """See `State`."""
        record = unpack(value)
        rows = apply_columns(self, record.rows)
        return Restored(rows, record.part, record.position, record.completes, record.empties)

    def restored(self, position: Position | None) -> None:
        """See `State`."""
        if position:
            self.events = position.events
            self.time_min, self.time_max = position.time_min, position.time_max
        self._top.update(self.everything(), self.customers.values())

    def best(self) -> list[Standing]:
        """See `State`."""
        return _standings(self._top.best())

    def top(self, x: int, basis: Basis) -> list[Standing]:
        """See `State`."""
        return _standings(nsmallest(x, self, key=lambda c: rank_position(c.id, c.spend, c.weeks, basis)))

    def customer(self, customer_id: str) -> Callable[[], Columns] | None:
        """See `State`. The copy takes a few steps, however many orders there are."""
        customer = self.customers.get(customer_id)
        if customer is None:
            return None
        row, orders = columns_of([(customer, {})]), dict(customer.orders)
        return lambda: _with_orders(row, orders)

    def misplaced(self) -> str | None:
        """See `State`."""
        home = self._home
        return next((c for c in self.customers if not home.has(c)), None) if home else None


def _standings(customers: Iterable[Customer]) -> list[Standing]:
    return [Standing(c.id, c.last_name, money(c.spend), c.weeks, len(c.orders), c.visits) for c in customers]


def _with_orders(row: Columns, orders: Orders) -> Columns:
    row[ORDER_COUNTS] = [len(orders)]
    row[ORDER_COUNTS + 1 :] = order_columns(list(orders), list(orders.values()))
    return row


def _of_one_record(rows: Iterator[Change]) -> Iterator[Change]:
    """The next rows, about as many as fit into one record."""
    total = 0
    for row in islice(rows, packing.ROWS_PER_RECORD):
        yield row
        total += weight([row])
        if total >= packing.WEIGHT_PER_RECORD:
            return


def _after(place: TablePlace, rows: Iterable[Change]) -> TablePlace:
    """The place after these rows, which begin at `place`."""
    for customer, orders in rows:
        at = place.order + len(orders)
        place = (
            TablePlace(place.customer, at) if at < len(customer.orders) else TablePlace(place.customer + 1)
        )
    return place
