"""Readers learn from the newest partials who owns a partition, without reading all of them."""

from collections.abc import Iterator

import msgspec
import pytest

from cluster.fetched import Record
from contract.partition_owners import PartitionOwner
from contract.partitioners import PARTITIONERS
from contract.topics import Topics
from subscriber.owners import LOOK_BACK, Owners
from tests.unit.fake_cluster import log_record


class Log:
    """ltv.partials behind the calls of a log reader."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes | None]] = []
        self.starts_read: list[int] = []

    def report(
        self, partition: int, address: str | None, partitioner: str = "murmur2", offset: int = 0
    ) -> None:
        owner = PartitionOwner(next_offset=offset, owner=address, partitioner=partitioner)
        self.records.append((str(partition).encode(), msgspec.json.encode(owner)))

    def exists(self, _topic: str) -> bool:
        return bool(self.records)

    def starts(self, _topic: str, _partitions: list[int]) -> dict[int, int]:
        return {0: 0}

    def committed_ends(self, _topic: str, _partitions: list[int]) -> dict[int, int]:
        return {0: len(self.records)}

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[list[Record]]:
        self.starts_read.append(start)
        yield [log_record(topic, partition, offset, *self.records[offset]) for offset in range(start, end)]


@pytest.fixture
def log() -> Log:
    return Log()


def caught_up(log: Log, partitions: int = 4) -> Owners:
    owners = Owners(log, Topics())  # type: ignore[arg-type]
    owners.catch_up(partitions)
    return owners


def addresses(owners: Owners, partition: int | None) -> list[str | None]:
    return [owner.owner for owner in owners.to_ask(partition)]


def test_the_newest_partial_names_the_owner(log: Log) -> None:
    for address in ("http://old", "http://new"):
        log.report(1, address)
    assert addresses(caught_up(log), 1) == ["http://new"]


def test_records_that_are_no_partials_are_passed_over(log: Log) -> None:
    log.report(1, "http://here")
    log.records += [(b"series", b"{}"), (None, b"x"), (b"1", None), (b"2", b"no json"), (b"3", b"[]")]
    assert list(caught_up(log).known) == [1]


def test_without_partials_nobody_is_asked(log: Log) -> None:
    owners = caught_up(log)
    assert (addresses(owners, None), owners.partition_of("c", 4)) == ([], None)


def test_only_the_newest_of_very_many_are_read_and_then_each_once(log: Log) -> None:
    for offset in range(3 * LOOK_BACK):
        log.report(offset % 4, "http://here", offset=offset)
    owners = caught_up(log)
    log.report(0, "http://there")
    owners.catch_up(4)
    assert log.starts_read == [2 * LOOK_BACK, 3 * LOOK_BACK]
    assert owners.known[0].owner == "http://there"
    log.starts_read.clear()
    caught_up(log, partitions=LOOK_BACK)
    assert log.starts_read == [0]


def test_a_partition_without_news_is_asked_for_at_every_owner_once(log: Log) -> None:
    for partition, address in enumerate(["http://a", "http://b", "http://a"]):
        log.report(partition, address)
    assert addresses(caught_up(log), 3) == ["http://a", "http://b"]
    assert addresses(caught_up(log), None) == ["http://a", "http://b"]


def test_an_owner_without_an_address_is_not_asked(log: Log) -> None:
    log.report(0, None)
    log.report(1, "http://here")
    assert addresses(caught_up(log), 0) == []


@pytest.mark.parametrize("partitioner", PARTITIONERS)
def test_the_partitioner_in_the_partials_places_a_customer(log: Log, partitioner: str) -> None:
    log.report(0, None, partitioner)
    assert caught_up(log).partition_of("c", 7) == PARTITIONERS[partitioner](b"c", 7)


@pytest.mark.parametrize("others", ["unchecked", "", "crc32", "one of the future"])
def test_where_partials_do_not_agree_on_a_known_partitioner_any_partition_may_have_the_customer(
    log: Log, others: str
) -> None:
    log.report(0, None, "murmur2")
    log.report(1, None, others)
    assert caught_up(log).partition_of("c", 7) is None
