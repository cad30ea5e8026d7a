"""The partition of a customer's events, which the producer's partitioner computes from the Kafka key.

All producers of one topic must use the same partitioner. Two different ones place one customer on two partitions, and
the customer would be in the ranking twice, each time with a part of its events.
"""

import struct
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple
from zlib import crc32

Partitioner = Literal["murmur2", "crc32", "fnv1a", "unchecked"]
"""murmur2: Java's and kafka-python's default; crc32: librdkafka's default (`consistent`); fnv1a: Sarama's default."""

DEFAULT_PARTITIONER: Final = "murmur2"

_MASK: Final = 0xFFFFFFFF
_words: Final = struct.Struct("<I").iter_unpack


def murmur2(key: bytes) -> int:
    """The 32-bit hash of Kafka's Java client (`org.apache.kafka.common.utils.Utils.murmur2`), unsigned."""
    length = len(key)
    whole = length & ~3
    value = 0x9747B28C ^ length
    for (word,) in _words(key[:whole]):
        word = word * 0x5BD1E995 & _MASK
        word = (word ^ word >> 24) * 0x5BD1E995 & _MASK
        value = value * 0x5BD1E995 & _MASK ^ word
    if whole < length:
        value = (value ^ int.from_bytes(key[whole:], "little")) * 0x5BD1E995 & _MASK
    value = (value ^ value >> 13) * 0x5BD1E995 & _MASK
    return value ^ value >> 15


def fnv1a(key: bytes) -> int:
    """The 32-bit FNV-1a hash (Go's `hash/fnv.New32a`), unsigned."""
    value = 0x811C9DC5
    for byte in key:
        value = (value ^ byte) * 0x01000193 & _MASK
    return value


def _by_murmur2(key: bytes, partitions: int) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def _by_crc32(key: bytes, partitions: int) -> int:
    return crc32(key) % partitions


def _by_fnv1a(key: bytes, partitions: int) -> int:
    # Sarama reads the hash as a signed number, and takes the absolute value of the remainder.
    value = fnv1a(key)
    return (value if value < 1 << 31 else (1 << 32) - value) % partitions


PartitionOf = Callable[[bytes, int], int]
"""(key, number of partitions) -> the key's partition."""

PARTITIONERS: Final[Mapping[str, PartitionOf]] = {
    "murmur2": _by_murmur2,
    "crc32": _by_crc32,
    "fnv1a": _by_fnv1a,
}
"""The partitioners by which a customer's partition can be checked."""


class Home(NamedTuple):
    """Where the customers of one partition belong."""

    partitioner: Partitioner
    partition: int
    partitions: int
    """The number of partitions of the topic."""

    def has(self, customer_id: str) -> bool:
        """Whether the customer belongs here; always true if the partitioner is `unchecked`."""
        place = PARTITIONERS.get(self.partitioner)
        return place is None or place(customer_id.encode(), self.partitions) == self.partition
