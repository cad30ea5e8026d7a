"""`--until-end`: the consumer ends once a snapshot counts all records that were on the events topic at the start."""

from collections.abc import Mapping
from typing import Self

from consumer.domain.partial import Partial
from consumer.settings import Settings
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

    def is_reached(self, partials: Mapping[int, Partial]) -> bool:
        """Whether the partials, on our basis, count all records up to the ends at the start."""
        return all(
            p in partials and partials[p].next_offset >= end and partials[p].basis == self._basis
            for p, end in self.targets.items()
        )
