"""`--until-end`: what is on the events topic at the start is the target; done is when a snapshot covers it all."""

from collections.abc import Mapping
from typing import Self

from consumer.domain.partial import Partial
from consumer.settings import Settings
from consumer.stream.transport import Clients
from contract.snapshots import Basis


class UntilEnd:
    """The ends of the events partitions at the start, and whether a snapshot of all up to there is out."""

    def __init__(self, targets: Mapping[int, int], basis: Basis) -> None:
        self._targets = targets
        """Partition -> the offset to reach."""
        self._basis = basis
        self.finished = False

    @classmethod
    def from_now(cls, settings: Settings, clients: Clients) -> Self:
        """With what readers of committed records can get now as the target."""
        targets = clients.reader.committed_ends(settings.topics.events, range(clients.partitions))
        return cls(targets, settings.basis)

    def is_reached(self, partials: Mapping[int, Partial]) -> bool:
        """Whether the partials, on our basis, cover all that was there at the start."""
        return all(
            p in partials and partials[p].next_offset >= end and partials[p].basis == self._basis
            for p, end in self._targets.items()
        )
