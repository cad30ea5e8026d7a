"""The four interfaces that the stream needs of a Kafka client; one module per client implements them.

Every method that talks to the cluster has a deadline. Errors are raised as `contract.errors.Retriable` (the cluster
can't do it now: start a new session) or `contract.errors.Fatal` (going on would be wrong).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from cluster.fetched import Record
from cluster.record_batch import Chunk, UnreadableBatch
from cluster.transaction_writer import TransactionWriter


class Polled(NamedTuple):
    """Records of one events partition from one poll, in offset order."""

    partition: int
    parts: Iterator[Chunk | UnreadableBatch]
    """Read one after another, each when the one before it is ingested: together they may not fit into the memory."""


@dataclass(frozen=True)
class Rebalance:
    """One step of the group protocol: these partitions were `kind`."""

    kind: str
    """revoked (another member may get them), lost (another member may have them already), or assigned (the member has
    these now, and no others)."""
    partitions: frozenset[int]


class GroupConsumer(Protocol):
    """A member of the consumer group on the events topic. Newly assigned partitions are paused."""

    def poll(self, timeout_s: float) -> list[Polled]:
        """Records of the partitions that are not paused; also keeps up the membership."""

    def stay(self) -> None:
        """Keep up the membership without reading: for a caller who has not ingested the last poll's records yet."""

    def rebalances(self) -> list[Rebalance]:
        """The rebalances since the last call, in order. Call it after every poll, before using the poll's records."""

    def start_at(self, partition: int, offset: int) -> None:
        """Resume the partition, reading from this offset."""

    def position(self, partition: int) -> int:
        """The next offset: after the records polled, and after markers and aborted records that follow them."""

    def membership(self) -> Any:
        """The membership (with its generation) of the present assignment; the broker fences commits by it."""

    def close(self) -> None:
        """Stop without leaving the group: a static member's partitions stay assigned to it."""


class TransactionalProducer(TransactionWriter, Protocol):
    """A writer whose transactions also commit offsets; a second one with the same transactional id fences the first."""

    def commit(self, offsets: Mapping[int, int], membership: Any) -> None:
        """Commit the sent records together with the consumed offsets (events partition -> next offset)."""

    def end_open_transactions(self, places: Iterable[tuple[str, int]]) -> None:
        """Abort a transaction on these (topic, partition) pairs, which ends one that a predecessor left open there."""

    def close(self) -> None:
        """Abandon an open transaction and close the connections."""


class StateReader(Protocol):
    """Reads committed records of single partitions, without a group: `cluster.log_reader.LogReader`, or a fake."""

    def close(self) -> None:
        """Close the connections."""

    def bounds(self, topic: str, partitions: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Partition -> its first offset and its high watermark (which includes open transactions)."""

    def committed_ends(
        self, topic: str, partitions: Collection[int], timeout_s: float | None = None
    ) -> dict[int, int]:
        """Partition -> its last stable offset: before it, every transaction is decided."""

    def both_ends(
        self, topic: str, partitions: Collection[int], timeout_s: float
    ) -> dict[int, tuple[int, int]]:
        """Partition -> its last stable offset and its high watermark; each request has this timeout."""

    def topic_id(self, topic: str) -> str:
        """The topic's id, which changes when the topic is deleted and recreated."""

    def committed_offset(self, group: str, topic: str, partition: int) -> int | None:
        """The group's committed offset; None if it has none."""

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        """Lists of records from `start` until the position is at `end`; many lists are empty.

        Waits for transactions that are open before `end`.
        """

    def first_record(self, topic: str, partition: int, start: int, end: int) -> Record | None:
        """The first committed record from `start` on; None if there is none before `end`."""


class Admin(Protocol):
    """Requests to the cluster that are neither reading nor writing records."""

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Delete the records before this offset."""

    def leave_group(self) -> None:
        """End the static membership, so that other members get the partitions at once."""

    def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True)
class Clients:
    """One client of each interface, connected with the same settings."""

    consumer: GroupConsumer
    producer: TransactionalProducer
    reader: StateReader
    admin: Admin
    partitions: int
    """The number of partitions of the events topic."""
