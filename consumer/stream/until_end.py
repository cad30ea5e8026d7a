"""`--until-end`: the consumer ends once a snapshot counts all records that were on the events topic at the start."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

from consumer.domain.partial import Partial
from consumer.settings import Settings
from consumer.stream.partition import Partition
from consumer.stream.transport import Clients
from contract.snapshots import Basis


class UntilEnd:
    """The ends of the events partitions at the start, and whether a snapshot up to these ends is committed."""

    def __init__(self, targets: Mapping[int, int], basis: Basis) -> None:
        self.targets = targets
        """Partition -> its end at the start."""
        self._basis = basis
        self.finished = False

    @classmethod
    def from_now(cls, settings: Settings, clients: Clients) -> Self:
        """With the present ends, behind the transactions that are open now."""
        bounds = clients.reader.bounds(settings.topics.events, range(clients.partitions))
        return cls({number: end for number, (_, end) in bounds.items()}, settings.basis)

    def is_read(self, running: Iterable[Partition]) -> bool:
        """Whether these partitions have read all records up to their ends at the start."""
        return all(partition.next_offset >= self.targets[partition.number] for partition in running)

    def asks_for_commit(self, running: Sequence[Partition], partials: Mapping[int, Partial]) -> bool:
        """Whether these partitions have read so far, and the partials do not count all of it."""
        return self.is_read(running) and not all(self._is_counted(p.number, partials) for p in running)

    def is_reached(self, partials: Mapping[int, Partial]) -> bool:
        """Whether the partials, on our basis, count all records up to the ends at the start."""
        return all(self._is_counted(p, partials) and partials[p].basis == self._basis for p in self.targets)

    def _is_counted(self, number: int, partials: Mapping[int, Partial]) -> bool:
        return number in partials and partials[number].next_offset >= self.targets[number]
