"""Checks that customers are on the partition where the topic's partitioner places them, once for each customer.

A record of a customer that belongs on another partition becomes a dead letter: if it were counted, the customer would
be in the ranking twice. If most of the first customers are misplaced, the setting is wrong, and the consumer stops.
"""

from collections.abc import Collection, Iterable
from typing import Final

from contract.errors import Fatal, InvalidEvent
from contract.partitioners import PARTITIONERS, Partitioner

MIN_CUSTOMERS: Final = 10
"""Fewer misplaced customers do not prove the setting wrong."""
FIRST_CUSTOMERS: Final = 1_000
"""Misplaced customers are remembered among this many first customers of a partition; later ones are only checked."""


class Placement:
    """Checks the customers of one partition, and remembers which of the session's first customers are misplaced."""

    def __init__(self, partitioner: Partitioner, partition: int, partitions: int) -> None:
        self.partitioner: Partitioner = partitioner
        self.partition = partition
        self.partitions = partitions
        self._place = PARTITIONERS.get(partitioner)
        self.seen = 0
        """Customers checked; misplaced ones count only among the first."""
        self.misplaced: dict[str, None] = {}
        """Of the first customers, the ids of those that belong on another partition."""

    def holds(self, customer_id: str) -> bool:
        """Whether this new customer belongs on this partition; always true if the partitioner is `unchecked`."""
        if self._place is None or self._place(customer_id.encode(), self.partitions) == self.partition:
            self.seen += 1
            return True
        if self.seen < FIRST_CUSTOMERS and customer_id not in self.misplaced:
            self.seen += 1
            self.misplaced[customer_id] = None
        return False

    def invalid(self, customer_id: str) -> InvalidEvent:
        """The error of a record whose customer belongs on another partition."""
        assert self._place is not None
        elsewhere = self._place(customer_id.encode(), self.partitions)
        fitting = _fitting([(customer_id, self)])
        hint = f"; {' and '.join(fitting)} would place it there" if fitting else ""
        return InvalidEvent(
            "wrong_partition",
            "",
            f"customer {customer_id[:60]!r} is on partition {self.partition}, and belongs on {elsewhere} by the "
            f"partitioner {self.partitioner}{hint}",
        )

    def check_restored(self, customer_ids: Iterable[str], topic: str) -> None:
        """Check every customer of a state that was written under another partitioner, or under none.

        Raises:
            Fatal: a customer belongs on another partition, so its figures are incomplete.
        """
        if self._place is None:
            return
        wrong = next(
            (c for c in customer_ids if self._place(c.encode(), self.partitions) != self.partition), None
        )
        if wrong is not None:
            raise Fatal(
                f"the state of {topic}-{self.partition} holds a customer who does not belong there by "
                f"the partitioner {self.partitioner}: {_advice(_fitting([(wrong, self)]))}, "
                "or count all events from the start with a new --prefix and --group"
            )


def refuse_misfit(placements: Collection[Placement], topic: str) -> None:
    """Check the session's first customers, before their events are committed.

    Raises:
        Fatal: most of them are not on the partition where the partitioner places them.
    """
    seen = sum(placement.seen for placement in placements)
    misplaced = [(customer_id, placement) for placement in placements for customer_id in placement.misplaced]
    if len(misplaced) < MIN_CUSTOMERS or 2 * len(misplaced) <= seen:
        return
    partitioner = misplaced[0][1].partitioner
    raise Fatal(
        f"{len(misplaced):,} of the first {seen:,} customers on {topic} are not on the partition where the "
        f"partitioner {partitioner} places them: {_advice(_fitting(misplaced))}. None of their events was committed"
    )


def _fitting(customers: Collection[tuple[str, Placement]]) -> list[str]:
    """The partitioners that place each of these customers on the partition where it was seen."""
    return [
        name
        for name, place in PARTITIONERS.items()
        if all(place(c.encode(), seen.partitions) == seen.partition for c, seen in customers)
    ]


def _advice(fitting: list[str]) -> str:
    if fitting:
        return f"the producers seem to use {' or '.join(fitting)}: set --partitioner {fitting[0]} (LTV_PARTITIONER)"
    return (
        "no known partitioner fits; if each customer is certainly on one partition only, set "
        "--partitioner unchecked (LTV_PARTITIONER)"
    )
