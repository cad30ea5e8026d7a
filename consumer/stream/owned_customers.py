"""The customers of this worker's partitions, read from another thread while the worker ingests.

The lock is held while a chunk of records is ingested and while a customer is copied, never during input or output. So
what is read counts all records before the partition's next offset, and no others.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from consumer.stream.fair_lock import FairLock
from consumer.stream.lifecycle import Lifecycle
from consumer.stream.partition import Partition
from contract.customer_rows import CustomerRows
from contract.customers import CustomerDetail, NotOwned, StateUnavailable, UnknownCustomer
from contract.partitioners import PARTITIONERS, Partitioner


class OwnedCustomers:
    """The customers of the partitions that run in one session."""

    def __init__(
        self, partitions: Mapping[int, Partition], partitioner: Partitioner, number_of_partitions: int
    ) -> None:
        """Read from these partitions, which the session may change.

        Args:
            partitions: the partitions of this worker.
            partitioner: of the events topic's producers.
            number_of_partitions: of the events topic.
        """
        self.lock = FairLock()
        """The worker's thread holds it while it changes the state of a running partition."""
        self._partitions = partitions
        self._place = PARTITIONERS.get(partitioner)
        self._number_of_partitions = number_of_partitions

    def find(self, customer_id: str) -> CustomerDetail:
        """The customer, as of its partition's next offset.

        Raises:
            UnknownCustomer: none of this worker's partitions that may have the customer has it.
            StateUnavailable: the partition that may have it does not run now.
            NotOwned: the customer's partition is not this worker's.
        """
        looked_at: dict[int, int] = {}
        unavailable: list[Partition] = []
        for partition in self._candidates(customer_id):
            if partition.lifecycle is not Lifecycle.RUNNING:
                unavailable.append(partition)
                continue
            with self.lock:
                next_offset = partition.next_offset
                copied = partition.state.customer(customer_id)
            if copied is not None:
                rows = CustomerRows(customer_id)
                rows.add(copied())
                return rows.detail(partition.number, next_offset, "owner")
            looked_at[partition.number] = next_offset
        if unavailable:
            states = ", ".join(f"{each.number} is {each.lifecycle.value}" for each in unavailable)
            raise StateUnavailable(f"partition {states}")
        raise UnknownCustomer(customer_id, looked_at)

    def _candidates(self, customer_id: str) -> list[Partition]:
        """This worker's partitions that may have the customer."""
        if self._place is None:
            found = list(self._partitions.values())
            if not found:
                raise NotOwned("no partition is assigned to this worker")
            return found
        number = self._place(customer_id.encode(errors="replace"), self._number_of_partitions)
        partition = self._partitions.get(number)
        if partition is None:
            raise NotOwned(
                f"the customer belongs on partition {number}, which is not assigned to this worker"
            )
        return [partition]


class PresentCustomers:
    """The customers of the present session; between two sessions there are none."""

    def __init__(self) -> None:
        self._present: OwnedCustomers | None = None

    @contextmanager
    def of(self, customers: OwnedCustomers) -> Iterator[None]:
        """These are the customers during the block, which is the session."""
        self._present = customers
        try:
            yield
        finally:
            self._present = None

    def find(self, customer_id: str) -> CustomerDetail:
        """As `OwnedCustomers.find`; raises StateUnavailable while there is no session."""
        present = self._present
        if present is None:
            raise StateUnavailable("the worker is not connected to Kafka now")
        return present.find(customer_id)
