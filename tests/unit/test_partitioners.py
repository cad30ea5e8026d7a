"""Our partitioners choose the same partitions as the real clients."""

import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as murmur2_of_kafka_python

from contract.partitioners import PARTITIONERS, fnv1a, murmur2

KEYS = st.binary(min_size=1, max_size=40)


@given(KEYS)
def test_murmur2_equals_kafka_pythons(key: bytes) -> None:
    assert murmur2(key) == murmur2_of_kafka_python(key) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_gives_the_test_vectors_of_apache_kafka(key: bytes, signed: int) -> None:
    """The vectors of `UtilsTest.testMurmur2` in Apache Kafka."""
    assert murmur2(key) == signed & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "value"), [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968), (b"b", 0xE70C2DE5)]
)
def test_fnv1a_gives_its_authors_test_vectors(key: bytes, value: int) -> None:
    """From the test vectors of the Internet-Draft draft-eastlake-fnv."""
    assert fnv1a(key) == value


def test_a_partition_is_never_negative_and_within_the_topic() -> None:
    for name, place in PARTITIONERS.items():
        for number in range(2_000):
            assert 0 <= place(str(number).encode(), 7) < 7, name


def test_every_partitioner_places_customers_on_all_partitions() -> None:
    for place in PARTITIONERS.values():
        counts = [0] * 8
        for number in range(8_000):
            counts[place(f"customer-{number}".encode(), 8)] += 1
        assert min(counts) > 700


def test_librdkafka_has_the_partitioners_that_the_documents_name() -> None:
    for name in ("murmur2_random", "consistent_random", "fnv1a_random"):
        Producer({"bootstrap.servers": "localhost:1", "partitioner": name, "log_level": 0}).close()
