"""The boundary of a partition's state: what the stream, `ltv batch` and the public functions use, and nothing else.

There are two implementations. `consumer/domain/aggregate.py` is the reference and says what is right;
`consumer/native_state.py` is its fast twin. Both read what either has written.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from contract.changelog import Columns, Position
from contract.events import Event
from contract.snapshots import Basis, Money


class StateTotals(NamedTuple):
    """The sums over all customers, and the time frame."""

    events: int
    customers: int
    orders: int
    revenue: int
    """Cents."""
    time_min: datetime | None
    time_max: datetime | None


class Standing(Struct, frozen=True, array_like=True):
    """One customer of a partial: the fields that a row of the snapshot needs."""

    customer_id: str
    last_name: str | None
    spend: Money
    weeks: int
    orders: int
    visits: int


class Records(Protocol):
    """Records that are not decoded yet: values, and keys that must be the events' customer ids."""

    @property
    def fields(self) -> Any:
        """The same in the native core's form, if it has read them."""

    @property
    def keys(self) -> Sequence[bytes | None] | None:
        """One for each value; None: keys are not checked."""

    @property
    def values(self) -> Sequence[bytes | None]:
        """One for each record."""


class Taken(NamedTuple):
    """What became of records that a state was offered."""

    events: Mapping[type, int]
    """Type of event -> how many were added."""
    rest: Sequence[int]
    """The indexes of the others, ascending: they must be decoded, and ingested one by one."""


class Restored(NamedTuple):
    """One changelog record whose rows were put into the state; for the fields, see `contract.changelog.Unpacked`."""

    rows: int
    """The number of customers plus orders in it."""
    part: int | None
    position: Position | None
    completes: bool
    empties: bool = False
    """A reset: the state must be forgotten."""


class TablePlace(NamedTuple):
    """A place in a state's table; customers, and orders within their customer, keep their place."""

    customer: int = 0
    """The number of customers before it."""
    order: int = 0
    """Where it is among this customer's orders; 0: before the first."""


class State(Protocol):
    """All customers of one events partition (or of a run over files), and what has changed since the last commit."""

    @property
    def changed_bytes(self) -> int:
        """The most bytes that the changes not packed yet have in the changelog."""

    def take(self, records: Records, latest: datetime | None = None) -> Taken:
        """Decode records and add their events, where this takes no Python object for each; nothing is called invalid.

        Args:
            records: of this partition.
            latest: events with a later time are left; None: there is no limit.
        """

    def ingest(self, events: Sequence[Event]) -> list[Event]:
        """Add valid events, in any order; returns those whose customers do not belong on this partition."""

    def totals(self) -> StateTotals:
        """The present totals."""

    def pack_changes(self) -> Iterator[bytes]:
        """The changes since the last call as values of changelog records; they are ranked as they are packed.

        To be read to its end.
        """

    def pack_table(
        self, place: TablePlace, customers: int, part: int, max_bytes: int
    ) -> tuple[list[bytes], TablePlace]:
        """A part of the table as values of changelog records, and the place after it.

        Args:
            place: where the part begins.
            customers: the number of customers before which the table ends.
            part: the part's number in its rewrite.
            max_bytes: the part ends with the value that reaches this size.
        """

    def restore(self, value: bytes) -> Restored:
        """Put the rows of a changelog record into the table. They are no changes.

        Raises:
            Fatal: a newer program wrote it, or it is not a changelog record.
        """

    def restored(self, position: Position | None) -> None:
        """Note that all rows are restored, up to this position; the ranking begins with them."""

    def best(self) -> list[Standing]:
        """The top x, best first, as of the last `pack_changes`."""

    def top(self, x: int, basis: Basis) -> list[Standing]:
        """The x best of all customers, best first; ranked now."""

    def customer(self, customer_id: str) -> Callable[[], Columns] | None:
        """A copy of one customer: the function returns it as a row with all its orders. None: there is none."""

    def misplaced(self) -> str | None:
        """The id of a customer who does not belong on this partition; None if there is none."""
