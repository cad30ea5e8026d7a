"""What redrive and reset write with."""

from typing import Protocol

from cluster.transaction_writer import TransactionWriter


class EventWriter(TransactionWriter, Protocol):
    """A writer whose transactions commit records only."""

    def commit_sent(self) -> None:
        """Commit the sent records."""
