"""Who owns which partition: from the newest partials on ltv.partials."""

from typing import Final

import msgspec

from cluster.fetched import Record
from cluster.log_reader import LogReader
from contract.partition_owners import PartitionOwner
from contract.partitioners import PARTITIONERS
from contract.topics import Topics

LOOK_BACK: Final = 1_000
"""How many offsets of ltv.partials are read at first: busy partitions report once a second."""
LOOK_BACK_PER_PARTITION: Final = 4

_decode = msgspec.json.Decoder(PartitionOwner).decode


class Owners:
    """The owners as of the last `catch_up`; a partition without news for long may be missing."""

    def __init__(self, reader: LogReader, topics: Topics) -> None:
        self._reader = reader
        self._topic = topics.partials
        self._read_to = 0
        self.known: dict[int, PartitionOwner] = {}

    def catch_up(self, partitions: int) -> None:
        """Read the partials committed since the last call; of very many, the newest.

        Args:
            partitions: the number of partitions of the events topic.
        """
        if not self._reader.exists(self._topic):
            return
        start = self._reader.starts(self._topic, [0])[0]
        end = self._reader.committed_ends(self._topic, [0])[0]
        look_back = max(LOOK_BACK, LOOK_BACK_PER_PARTITION * partitions)
        for records in self._reader.read(self._topic, 0, max(start, self._read_to, end - look_back), end):
            for record in records:
                self._note(record)
        self._read_to = end

    def _note(self, record: Record) -> None:
        """Note a partial's owner; the topic has other records, too."""
        key = record.key or b""
        if not key.isdigit() or record.value is None:
            return
        try:
            owner = _decode(record.value)
        except ValueError:  # msgspec's errors are ValueErrors, too: the record is no partial.
            return
        self.known[int(key)] = owner

    def partition_of(self, customer_id: str, partitions: int) -> int | None:
        """The customer's partition; None if the partitioner is not known, or is not checked."""
        named = {owner.partitioner for owner in self.known.values()}
        place = PARTITIONERS.get(named.pop()) if len(named) == 1 else None
        return place(customer_id.encode(errors="replace"), partitions) if place else None

    def to_ask(self, partition: int | None) -> list[PartitionOwner]:
        """The owners that may have the customer's partition, each once: its own, or if that is not known, all.

        Args:
            partition: the customer's partition; None: any may have the customer.
        """
        own = self.known.get(partition) if partition is not None else None
        asked = {owner.owner: owner for owner in ([own] if own else self.known.values())}
        return [owner for address, owner in asked.items() if address]
