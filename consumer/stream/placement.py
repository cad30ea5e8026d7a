"""Checks that customers are on the partition where the topic's partitioner places them, once for each customer.

A record of a customer that belongs on another partition becomes a dead letter: if it were counted, the customer would
be in the ranking twice. If most of the first customers are misplaced, the setting is wrong, and the consumer stops.
"""

from collections.abc import Collection, Iterable
from typing import Final

from contract.errors import Fatal, InvalidEvent
from contract.partitioners import PARTITIONERS, Home

MIN_CUSTOMERS: Final = 10
"""Fewer misplaced customers do not prove the setting wrong."""
FIRST_CUSTOMERS: Final = 1_000
"""Misplaced customers are remembered among this many first customers of a partition; later ones are only checked."""


class Placement:
    """Checks the customers of one partition, and remembers which of the session's first customers are misplaced."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.seen = 0
        """Customers checked; misplaced ones count only among the first."""
        self.misplaced: dict[str, None] = {}
        """Of the first customers, the ids of those that belong on another partition."""

    def note_customers(self, customers: int) -> None:
        """Note that the partition's state has this many customers."""
        self.seen = customers + len(self.misplaced)

    def note_misplaced(self, customer_ids: Iterable[str]) -> None:
        """Note customers of the next records who belong on another partition."""
        if self.seen < FIRST_CUSTOMERS:
            self.misplaced.update(dict.fromkeys(customer_ids))

    def invalid(self, customer_id: str) -> InvalidEvent:
        """The error of a record whose customer belongs on another partition."""
        home = self.home
        elsewhere = PARTITIONERS[home.partitioner](customer_id.encode(), home.partitions)
        fitting = _fitting([(customer_id, home)])
        hint = f"; {' and '.join(fitting)} would place it there" if fitting else ""
        return InvalidEvent(
            "wrong_partition",
            "",
            f"customer {customer_id[:60]!r} is on partition {home.partition}, and belongs on {elsewhere} by the "
            f"partitioner {home.partitioner}{hint}",
        )

    def check_restored(self, misplaced: str | None, topic: str) -> None:
        """Check a state that was written under another partitioner, or under none.

        Args:
            misplaced: a customer of the state who does not belong on the partition, if there is one.
            topic: the events topic.

        Raises:
            Fatal: there is one, whose figures are incomplete.
        """
        home = self.home
        if misplaced is not None:
            raise Fatal(
                f"the state of {topic}-{home.partition} holds a customer who does not belong there by "
                f"the partitioner {home.partitioner}: {_advice(_fitting([(misplaced, home)]))}, "
                "or count all events from the start: ltv reset --to-earliest, or a new --prefix and --group"
            )


def refuse_misfit(placements: Collection[Placement], topic: str) -> None:
    """Check the session's first customers, before their events are committed.

    Raises:
        Fatal: most of them are not on the partition where the partitioner places them.
    """
    seen = sum(placement.seen for placement in placements)
    misplaced = [
        (customer_id, placement.home) for placement in placements for customer_id in placement.misplaced
    ]
    if len(misplaced) < MIN_CUSTOMERS or 2 * len(misplaced) <= seen:
        return
    partitioner = misplaced[0][1].partitioner
    raise Fatal(
        f"{len(misplaced):,} of the first {seen:,} customers on {topic} are not on the partition where the "
        f"partitioner {partitioner} places them: {_advice(_fitting(misplaced))}. None of their events was committed"
    )


def _fitting(customers: Collection[tuple[str, Home]]) -> list[str]:
    """The partitioners that place each of these customers on the partition where it was seen."""
    return [
        name
        for name, place in PARTITIONERS.items()
        if all(place(c.encode(), home.partitions) == home.partition for c, home in customers)
    ]


def _advice(fitting: list[str]) -> str:
    if fitting:
        return f"the producers seem to use {' or '.join(fitting)}: set --partitioner {fitting[0]} (LTV_PARTITIONER)"
    return (
        "no known partitioner fits; if each customer is certainly on one partition only, set "
        "--partitioner unchecked (LTV_PARTITIONER)"
    )
