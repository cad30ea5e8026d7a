"""A worker answers for its customers while it ingests, with figures that are exact for their offset."""

import sys
from collections.abc import Iterator
from threading import Event, Semaphore, Thread

import pytest
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from cluster.record_batch import Chunk, RecordBatch
from cluster.settings import Cluster
from consumer.settings import Settings
from consumer.stream.lifecycle import Lifecycle
from consumer.stream.owned_customers import OwnedCustomers, PresentCustomers
from consumer.stream.partition import Partition
from contract.customers import NotOwned, StateUnavailable, UnknownCustomer
from contract.partitioners import PARTITIONERS, Partitioner
from tests.unit.test_session import order
from tests.waiting import DEADLINE_S, wait_until

pytestmark = pytest.mark.usefixtures("both")

RECORDS = 5_000
ANSWERS = 50


@pytest.fixture
def _threads_switch_often() -> Iterator[None]:
    """Let threads take turns many times within a chunk."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def partition(number: int = 0, partitioner: Partitioner = "murmur2", lifecycle: str = "running") -> Partition:
    made = Partition(number, Settings(Cluster(bootstrap_servers="nowhere:1"), partitioner=partitioner), 4)
    if lifecycle != "restoring":
        made.become(Lifecycle.RUNNING)
    if lifecycle == "suspended":
        made.become(Lifecycle.SUSPENDED)
    return made


def chunks(customer: str, count: int) -> list[Chunk]:
    """Records from offset 0 on: one order of one dollar each."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, 0, 0, 0, 1 << 24)
    for offset in range(count):
        key, value = order(customer, str(offset), "1.00")
        assert builder.append(offset, 0, key, value, [])
    parts = list(RecordBatch(DefaultRecordBatch(bytes(builder.build())), 0, 1 << 24).parts())
    return [part for part in parts if isinstance(part, Chunk)]


def home(customer: str) -> int:
    return PARTITIONERS["murmur2"](customer.encode(), 4)


@pytest.mark.usefixtures("_threads_switch_often")
def test_every_answer_counts_all_records_before_its_offset_and_no_others() -> None:
    owned = partition(home("c"))
    customers = OwnedCustomers({owned.number: owned}, "murmur2", 4)
    parts = chunks("c", RECORDS)
    owned.ingest(parts[0])

    asked = Semaphore(0)

    def ingest() -> None:
        for part in parts[1:]:
            with customers.lock:
                owned.ingest(part)
            assert asked.acquire(timeout=DEADLINE_S)

    thread = Thread(target=ingest)
    thread.start()
    while thread.is_alive():
        found = customers.find("c")
        asked.release()
        assert found.orders == found.next_offset
        assert found.total_spend == f"{found.next_offset}.00"
    thread.join()
    last = customers.find("c")
    assert (last.next_offset, last.source, last.partition) == (RECORDS, "owner", owned.number)
    assert (last.weeks, last.active_weeks, last.ltv) == (1, ["2025-12-28"], "2600000.00")


def test_a_worker_that_never_pauses_still_answers() -> None:
    """With a plain lock, the thread that ingests takes it again before another one can."""
    owned = partition(home("c"))
    customers = OwnedCustomers({owned.number: owned}, "murmur2", 4)
    [part, *_] = chunks("c", 500)
    owned.ingest(part)
    enough = Event()
    answers: list[int] = []

    def ingest() -> None:
        while not enough.is_set():
            with customers.lock:
                owned.ingest(part)

    def ask() -> None:
        answers.extend(customers.find("c").orders for _ in range(ANSWERS))

    threads = [Thread(target=each, daemon=True) for each in (ingest, ask)]
    for thread in threads:
        thread.start()
    try:
        wait_until(
            lambda: len(answers) == ANSWERS, f"{ANSWERS} answers", state=lambda: f"{len(answers)} came"
        )
    finally:
        enough.set()
        threads[0].join()


def test_a_customer_without_events_is_unknown_before_an_offset() -> None:
    owned = partition(home("nobody"))
    owned.next_offset = 77
    with pytest.raises(UnknownCustomer, match=r"'nobody'.* before offset 77 of partition") as caught:
        OwnedCustomers({owned.number: owned}, "murmur2", 4).find("nobody")
    assert caught.value.looked_at == {owned.number: 77}


def test_a_customer_of_another_workers_partition_is_not_owned() -> None:
    other = partition((home("c") + 1) % 4)
    with pytest.raises(NotOwned, match=f"partition {home('c')}"):
        OwnedCustomers({other.number: other}, "murmur2", 4).find("c")
    with pytest.raises(NotOwned):
        OwnedCustomers({}, "unchecked", 4).find("c")


@pytest.mark.parametrize("lifecycle", ["restoring", "suspended"])
@pytest.mark.parametrize("partitioner", ["murmur2", "unchecked"])
def test_no_figure_comes_from_a_partition_that_does_not_run(lifecycle: str, partitioner: Partitioner) -> None:
    owned = partition(home("c"), partitioner, lifecycle)
    with pytest.raises(StateUnavailable, match=lifecycle):
        OwnedCustomers({owned.number: owned}, partitioner, 4).find("c")


def test_where_partitions_are_unchecked_all_are_looked_at() -> None:
    [part, *_] = chunks("c", 3)
    empty, holding = partition(0, "unchecked"), partition(1, "unchecked")
    holding.ingest(part)
    customers = OwnedCustomers({0: empty, 1: holding}, "unchecked", 4)
    assert customers.find("c").partition == 1
    with pytest.raises(UnknownCustomer) as caught:
        customers.find("d")
    assert caught.value.looked_at == {0: 0, 1: 3}


def test_between_two_sessions_there_are_no_customers() -> None:
    holder = PresentCustomers()
    owned = partition(home("c"))
    owned.ingest(chunks("c", 3)[0])
    with holder.of(OwnedCustomers({owned.number: owned}, "murmur2", 4)):
        assert holder.find("c").orders == 3
    with pytest.raises(StateUnavailable, match="not connected"):
        holder.find("c")


def test_a_partial_names_the_owner_and_the_partitioner() -> None:
    settings = Settings(
        Cluster(bootstrap_servers="nowhere:1"), advertised_url="http://here:9400", worker_id="w"
    )
    partial = Partition(0, settings, 1).partial()
    assert (partial.owner, partial.worker_id, partial.partitioner) == ("http://here:9400", "w", "murmur2")
