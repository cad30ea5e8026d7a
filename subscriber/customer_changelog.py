"""One customer from its partition's changelog: slower than asking the owner, and possible without one.

The whole partition is read, committed records only; what is kept is the customer's rows.
"""

import re
from typing import Final

from cluster.log_reader import LogReader
from contract.changelog import Columns, Position, unpack
from contract.customer_rows import CustomerRows
from contract.customers import CustomerDetail, StateUnavailable
from contract.errors import Fatal

ATTEMPTS: Final = 3
"""Readings of a changelog whose beginning was deleted meanwhile, before giving up."""
_WRITTEN_ONE_WAY: Final = re.compile(r"[A-Za-z0-9_.:@ -]+")
"""Ids that each JSON encoder writes in the same way."""
_POSITION: Final = b'"position"'


def customer_from_changelog(
    reader: LogReader, topic: str, partition: int, customer_id: str
) -> CustomerDetail | int:
    """The customer as of the last commit, or if it has none, the next offset of that commit.

    Args:
        reader: used for nothing else meanwhile.
        topic: the changelog.
        partition: the partition.
        customer_id: the customer.

    Raises:
        StateUnavailable: the partition has no committed state, or a part of it was deleted.
        Fatal: a newer program wrote the changelog.
    """
    for _ in range(ATTEMPTS):
        start = reader.starts(topic, [partition])[partition]
        end = reader.committed_ends(topic, [partition])[partition]
        search = _Search(customer_id, is_cut=start > 0)
        for records in reader.read(topic, partition, start, end):
            for record in records:
                _take_in(search, record.value or b"", f"{topic}-{partition} at offset {record.offset}")
        # A rewrite deletes what it replaces. If that happened while we read, something may be missing.
        if reader.starts(topic, [partition])[partition] == start:
            return search.result(partition, f"{topic}-{partition}")
    raise StateUnavailable(f"{topic}-{partition} is rewritten faster than it can be read")


def _take_in(search: "_Search", value: bytes, where: str) -> None:
    try:
        search.take_in(value)
    except Fatal as error:
        raise Fatal(f"{where}: {error}") from None


class _Search:
    """The rows of a customer among a changelog's records."""

    def __init__(self, customer_id: str, *, is_cut: bool) -> None:
        self._rows = CustomerRows(customer_id)
        self._needle = f'"{customer_id}"'.encode() if _WRITTEN_ONE_WAY.fullmatch(customer_id) else b""
        self._uncommitted: list[Columns] = []
        """Rows whose position has not come yet."""
        self._position: Position | None = None
        self._is_first = True
        self._begins_with_table = not is_cut
        self._is_whole = not is_cut
        """The table is complete: nothing was deleted, or a whole rewrite was read."""

    def take_in(self, value: bytes) -> None:
        """Take in the next record. Those that can't have the customer or a position are not decoded."""
        if not (self._is_first or self._needle in value or _POSITION in value):
            return
        unpacked = unpack(value)
        if self._is_first and unpacked.part == 1:
            self._begins_with_table = True
        self._is_first = False
        if unpacked.empties:
            self._rows = CustomerRows(self._rows.customer_id)
            self._uncommitted.clear()
        if self._rows.customer_id in unpacked.rows[0]:
            self._uncommitted.append(unpacked.rows)
        if unpacked.position:
            for columns in self._uncommitted:
                self._rows.add(columns)
            self._uncommitted.clear()
            self._position = unpacked.position
        self._is_whole = self._is_whole or unpacked.completes

    def result(self, partition: int, where: str) -> CustomerDetail | int:
        """The customer, or the next offset before which it is unknown."""
        if self._position is None:
            raise StateUnavailable(f"{where} has no committed state yet: has a consumer run (`ltv consume`)?")
        if not (self._begins_with_table and self._is_whole):
            raise StateUnavailable(f"{where} begins without a whole table: state was deleted")
        next_offset = self._position.next_offset
        return self._rows.detail(partition, next_offset, "changelog") if self._rows.is_known else next_offset
