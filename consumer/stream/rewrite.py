"""A rewrite of a partition's changelog: the whole table again, over as many commits as it takes.

Each commit writes one part: the rows from a place in the table on, up to a number of bytes. Customers keep their place
in the table, and orders theirs within their customer; what changes behind the place reached is written as a change by
its own commit. So the records from the first part's first record to the last part's position hold the whole state, and
the records before them can be deleted. A rewrite that is cut short by the end of a session begins again.
"""

from collections.abc import Callable

from consumer.domain.state import State, TablePlace


class Rewrite:
    """A rewrite that has begun."""

    def __init__(self, state: State) -> None:
        self._customers = state.totals().customers
        """Customers to write: later ones come to the changelog as changes."""
        self._place = TablePlace()
        """Where the next part begins."""
        self.part = 0
        """The number of the last part written, from 1."""
        self.first_offset = 0
        """The offset of its first record, once that is committed."""
        self.table_bytes = 0
        """Bytes of its rows."""
        self._written_bytes = 0
        """All bytes written to the changelog since its first record."""

    @property
    def is_complete(self) -> bool:
        """Whether the last part is written."""
        return self._place.customer >= self._customers

    @property
    def has_one_part(self) -> bool:
        """Whether the first part was also the last: the commit has written the whole table."""
        return self.part == 1 and self.is_complete

    def write_part(self, state: State, max_bytes: int, send: Callable[[bytes], None]) -> None:
        """Send the records of the next part: until `max_bytes` are sent, or the table's last row."""
        self.part += 1
        values, self._place = state.pack_table(self._place, self._customers, self.part, max_bytes)
        for value in values:
            send(value)
            self.table_bytes += len(value)

    @property
    def changes_bytes(self) -> int:
        """Bytes of the other records since its first one."""
        return self._written_bytes - self.table_bytes

    def committed(self, first_offset: int, size_bytes: int) -> None:
        """Note that a commit succeeded which wrote `size_bytes` to the changelog, from `first_offset` on."""
        if not self._written_bytes:
            self.first_offset = first_offset
        self._written_bytes += size_bytes
