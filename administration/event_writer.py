"""What redrive and reset write with."""

from typing import Protocol

from contract.dead_letters import Headers


class EventWriter(Protocol):
    """One transaction at a time: `cluster.transactional_client.TransactionalClient`, or a fake."""

    def begin(self) -> None:
        """Start a transaction."""

    def send(
        self,
        topic: str,
        partition: int,
        value: bytes | None,
        key: bytes | None = None,
        headers: Headers | None = None,
    ) -> object:
        """Add a record."""

    def commit_sent(self) -> None:
        """Commit the sent records."""
