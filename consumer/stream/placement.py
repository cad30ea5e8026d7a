"""Whether customers are on the partition where the topic's partitioner puts them; looked at once for each customer.

A record of a customer that belongs elsewhere is a dead letter: counted here, the customer would stand in the ranking
twice. Where most of the first customers are elsewhere, it is the setting that is wrong, and the consumer refuses.
"""

from collections.abc import Collection, Iterable
from typing import Final

from contract.errors import Fatal, InvalidEvent
from contract.partitioners import PARTITIONERS, Partitioner

MIN_CUSTOMERS: Final = 10
"""Fewer customers say nothing about the setting."""
FIRST_CUSTOMERS: Final = 1_000
"""Of each partition so many are remembered for the judgement; later ones are only checked."""


class Placement:
    """Where the customers of one partition belong, and what the first ones of this session were like."""

    def __init__(self, partitioner: Partitioner, partition: int, partitions: int) -> None:
        self.partitioner: Partitioner = partitioner
        self.partition = partition
        self.partitions = partitions
        self._place = PARTITIONERS.get(partitioner)
        self.seen = 0
        """Customers that were looked at: the first ones."""
        self.misplaced: dict[str, None] = {}
        """Those of them that belong elsewhere."""

    def holds(self, customer_id: str) -> bool:
        """Whether this customer, first seen here, belongs on this partition; always so where it is not checked."""
        if self._place is None or self._place(customer_id.encode(), self.partitions) == self.partition:
            self.seen += 1
            return True
        if self.seen < FIRST_CUSTOMERS and customer_id not in self.misplaced:
            self.seen += 1
            self.misplaced[customer_id] = None
        return False

    def invalid(self, customer_id: str) -> InvalidEvent:
        """What is wrong with a record of a customer that belongs elsewhere."""
        assert self._place is not None
        elsewhere = self._place(customer_id.encode(), self.partitions)
        fitting = _fitting([customer_id], self.partition, self.partitions)
        hint = f"; {' and '.join(fitting)} would put it there" if fitting else ""
        return InvalidEvent(
            "wrong_partition",
            "",
            f"customer {customer_id[:60]!r} is on partition {self.partition}, and belongs on {elsewhere} by the "
            f"partitioner {self.partitioner}{hint}",
        )

    def check_restored(self, customer_ids: Iterable[str], topic: str) -> None:
        """Look at every customer of a state that was written under another partitioner, or before there was one.

        Raises:
            Fatal: one belongs elsewhere: its figures are not whole.
        """
        if self._place is None:
            return
        wrong = next(
            (c for c in customer_ids if self._place(c.encode(), self.partitions) != self.partition), None
        )
        if wrong is not None:
            raise Fatal(
                f"the state of {topic}-{self.partition} holds customer {wrong[:60]!r}, who does not belong there by "
                f"the partitioner {self.partitioner}: {_advice(_fitting([wrong], self.partition, self.partitions))}, "
                "or count all events from the start with a new --prefix and --group"
            )


def refuse_misfit(placements: Collection[Placement], topic: str) -> None:
    """Look at what the first customers of a session were like, before anything of them is committed.

    Raises:
        Fatal: most of them are not where the partitioner puts them.
    """
    seen = sum(placement.seen for placement in placements)
    misplaced = [(customer_id, placement) for placement in placements for customer_id in placement.misplaced]
    if len(misplaced) < MIN_CUSTOMERS or 2 * len(misplaced) <= seen:
        return
    partitioner = misplaced[0][1].partitioner
    fitting = [
        name
        for name, place in PARTITIONERS.items()
        if all(place(c.encode(), placement.partitions) == placement.partition for c, placement in misplaced)
    ]
    raise Fatal(
        f"{len(misplaced):,} of the first {seen:,} customers on {topic} are not on the partition where the "
        f"partitioner {partitioner} puts them: {_advice(fitting)}. Nothing of them was committed"
    )


def _fitting(customer_ids: Collection[str], partition: int, partitions: int) -> list[str]:
    return [
        name
        for name, place in PARTITIONERS.items()
        if all(place(customer_id.encode(), partitions) == partition for customer_id in customer_ids)
    ]


def _advice(fitting: list[str]) -> str:
    if fitting:
        return f"the producers seem to use {' or '.join(fitting)}: set --partitioner {fitting[0]} (LTV_PARTITIONER)"
    return (
        "no partitioner that is known here fits; if each customer is surely on one partition, set "
        "--partitioner unchecked (LTV_PARTITIONER)"
    )
