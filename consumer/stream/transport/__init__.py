"""What the stream needs of a Kafka client, and nothing more: four small interfaces, one module per client.

Every method that talks to the cluster has a deadline. What goes wrong comes out as `contract.errors.Retriable`
(the cluster can't now: start the session anew) or `contract.errors.Fatal` (going on would be wrong).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, overload

from cluster.log_reader import Record
from contract.dead_letters import Headers


class Column(Sequence[int]):
    """A whole number of each record, looked up when it is asked for, which is seldom."""

    def __init__(self, records: Sequence[Any], of: Callable[[Any], int]) -> None:
        self._records = records
        self._of = of

    @overload
    def __getitem__(self, i: int) -> int: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[int]: ...
    def __getitem__(self, i: int | slice) -> int | Sequence[int]:
        if isinstance(i, slice):
            return [self._of(record) for record in self._records[i]]
        return self._of(self._records[i])

    def __len__(self) -> int:
        return len(self._records)


class Batch(NamedTuple):
    """Records of one events partition from one poll, in offset order, as columns of equal length."""

    partition: int
    offsets: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    timestamps_ms: Sequence[int]


@dataclass(frozen=True)
class Rebalance:
    """What the group protocol said, in the order it came: these partitions were `kind`."""

    kind: str
    """revoked (another member may take them), lost (one has), or assigned (this is now all we have)."""
    partitions: frozenset[int]


class GroupConsumer(Protocol):
    """A member of the consumer group on the events topic. Newly assigned partitions come paused."""

    def poll(self, timeout_s: float) -> list[Batch]:
        """Records of the partitions that are not paused; drives the membership too."""

    def rebalances(self) -> list[Rebalance]:
        """What was noted since the last call. To be asked after every poll, before its records are used."""

    def start_at(self, partition: int, offset: int) -> None:
        """Read the partition from this offset on, no longer paused."""

    def position(self, partition: int) -> int:
        """The next offset: past the records polled, and past what readers of committed records never see."""

    def lag(self, partition: int) -> int | None:
        """How many offsets the position is behind the partition's end, as far as is known without asking."""

    def membership(self) -> Any:
        """The generation in which the present assignment was given: what a commit is fenced by."""

    def close(self) -> None:
        """Stop without leaving the group: a static member's partitions wait for it."""


class TransactionalProducer(Protocol):
    """One transaction at a time; a second producer with the same transactional id fences the first."""

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

    def commit(self, offsets: Mapping[int, int], membership: Any) -> None:
        """Commit all that was sent, together with the consumed offsets (events partition -> next offset)."""

    def end_open_transactions(self, places: Iterable[tuple[str, int]]) -> None:
        """Abort an empty transaction on these (topic, partition): it ends one that a predecessor left open."""

    def offset_of(self, sent: Any) -> int:
        """The offset a committed record got."""

    def close(self) -> None:
        """Give up an open transaction and the connections."""


class StateReader(Protocol):
    """Committed records of single partitions, outside any group: `cluster.log_reader.LogReader`, or a test's."""

    def close(self) -> None:
        """Give up the connections."""

    def bounds(self, topic: str, partitions: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Partition -> its first offset and its high watermark (which open transactions don't hold back)."""

    def committed_ends(self, topic: str, partitions: Collection[int]) -> dict[int, int]:
        """Partition -> the offset up to which every transaction is decided."""

    def topic_id(self, topic: str) -> str:
        """Another one than before where a topic was deleted and recreated."""

    def committed_offset(self, group: str, topic: str, partition: int) -> int | None:
        """The group's committed offset; None where there is none."""

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Sequence[Record]]:
        """Lists of records from `start` until the position has reached `end`; often an empty one.

        Waits while a transaction is open before `end`.
        """

    def first_record(self, topic: str, partition: int, start: int, end: int) -> Record | None:
        """The first committed record from `start` on; None where there is none before `end`."""


class Admin(Protocol):
    """What must be asked of the cluster itself."""

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Delete the records before this offset."""

    def leave_group(self) -> None:
        """Give up the static membership, so that others take the partitions over at once."""

    def close(self) -> None:
        """Give up the connections."""


@dataclass(frozen=True)
class Clients:
    """One of each, connected with the same settings."""

    consumer: GroupConsumer
    producer: TransactionalProducer
    reader: StateReader
    admin: Admin
    partitions: int
    """How many the events topic has; our own topics are there and fit."""
