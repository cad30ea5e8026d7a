"""Where a customer's events must be: under the customer's key, on the partition of the producers' partitioner.

murmur2 is kafka-python's own, crc32 is zlib's: neither is the consumer's.
"""

from collections.abc import Callable, Mapping
from typing import Final
from zlib import crc32

from kafka.partitioner.default import murmur2

from verification.event_check import NotCounted


def _fnv1a(key: bytes) -> int:
    value = 2166136261
    for byte in key:
        value = (value ^ byte) * 16777619 % 2**32
    return abs(value if value < 2**31 else value - 2**32)


# Sarama's remainder has the sign of its number: only its size counts.
_HASHES: Final[Mapping[str, Callable[[bytes], int]]] = {
    "murmur2": lambda key: int(murmur2(key)) & 0x7FFFFFFF,
    "crc32": crc32,
    "fnv1a": _fnv1a,
}


class EventPlace:
    """Checks the key and the partition of records."""

    def __init__(self, partitioner: str, partitions: int) -> None:
        """What to check by.

        Args:
            partitioner: its name; "unchecked": every partition is right.
            partitions: how many the topic has.
        """
        self._hash = None if partitioner == "unchecked" else _HASHES[partitioner]
        self._partitions = partitions

    def check(self, customer: str, key: bytes | None, partition: int) -> None:
        """Check one record.

        Raises:
            NotCounted: its key is not its customer, or its customer belongs on another partition.
        """
        if key != customer.encode():
            raise NotCounted("the key is not the customer id")
        if self._hash is not None and self._hash(key) % self._partitions != partition:
            raise NotCounted("the customer belongs on another partition")
