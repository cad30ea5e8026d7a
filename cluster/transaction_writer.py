"""What all who write in transactions write with."""

from typing import Any, Protocol

from contract.dead_letters import Headers


class TransactionWriter(Protocol):
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
    ) -> Any:
        """Add a record; returns a handle for `offset_of`."""

    def offset_of(self, sent: Any) -> int:
        """The offset of a record, once it is delivered; `sent` is what `send` returned."""
