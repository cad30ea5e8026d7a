"""The dead letters that follow each other on one partition, without a valid event between them."""

from collections.abc import Sequence


class DeadRun:
    """Counts them record by record; its length stands in the changelog's position, so a restart does not shorten it."""

    def __init__(self) -> None:
        self.length = 0
        """Dead letters at the end of what was read."""
        self.longest = 0
        """The longest run that had a dead letter since the last commit."""

    def note(self, records: int, dead: Sequence[int]) -> None:
        """Note the next records, of which those with these numbers (from 0, ascending) are dead letters."""
        previous = -1
        for number in dead:
            self.length = self.length + 1 if number == previous + 1 else 1
            self.longest = max(self.longest, self.length)
            previous = number
        if previous != records - 1:
            self.length = 0

    def note_unreadable(self, records: int) -> None:
        """Note a batch of this many records that can't be read."""
        self.length += records
        self.longest = max(self.longest, self.length)

    def committed(self) -> None:
        """Note that a commit succeeded."""
        self.longest = 0
