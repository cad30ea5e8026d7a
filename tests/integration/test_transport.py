"""The Kafka clients behind the transport: what they must do, and the traps that the transport handles."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from threading import Event
from typing import Any, cast
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaConnectionError
from kafka.net.compat import KafkaNetClient

from cluster import fetched
from cluster.record_batch import Chunk
from cluster.settings import Cluster
from consumer.settings import Settings
from consumer.stream.transport import Clients, Rebalance, admin
from consumer.stream.transport.kafka_python import connect
from contract.errors import Fatal, Retriable
from contract.topics import Topics
from tests.integration.application import Plain, shop, wait_until
from tests.integration.conftest import NewTopic


@pytest.fixture
def settings(kafka: str, new_topic: NewTopic) -> Settings:
    name = f"transport-{uuid4().hex[:8]}"
    return Settings(
        Cluster(bootstrap_servers=kafka),
        Topics(new_topic(shop(10, seed=1)), name),
        group=name,
        instance_id="one",
        transaction_timeout_s=15.0,
    )


@pytest.fixture
def connected(settings: Settings) -> Iterator[Callable[[Settings], Clients]]:
    with ExitStack() as opened:

        def make(settings: Settings) -> Clients:
            clients = connect(settings)
            for client in (clients.producer, clients.consumer, clients.reader, clients.admin):
                opened.callback(client.close)
            return clients

        yield make


def assigned(clients: Clients) -> Rebalance:
    """Poll without waiting, as during a restore, until there is an assignment."""
    noted: list[Rebalance] = []

    def poll() -> bool:
        clients.consumer.poll(0.0)
        noted.extend(each for each in clients.consumer.rebalances() if each.kind == "assigned")
        return bool(noted)

    wait_until(poll, "an assignment")
    return noted[-1]


def refresh_metadata(clients: Clients) -> None:
    """Refresh the metadata, as kafka-python does by itself from time to time."""
    client: Any = clients.consumer
    update = client._client._cluster.request_update()
    wait_until(lambda: update.is_done, "fresh metadata")


def test_a_refresh_of_the_metadata_does_not_end_the_first_assignment(
    settings: Settings, connected: Callable[[Settings], Clients]
) -> None:
    clients = connected(settings)
    assert assigned(clients).partitions == {0, 1, 2}
    refresh_metadata(clients)
    for _ in range(10):
        clients.consumer.poll(0.05)
    assert clients.consumer.rebalances() == []


def test_a_join_that_outlasts_its_poll_is_completed(
    plain: Plain, settings: Settings, connected: Callable[[Settings], Clients]
) -> None:
    """Without the workaround, the member gets no assignment any more and is removed from the group."""
    clients = connected(settings)
    assigned(clients)
    plain.admin.create_partitions({settings.topics.events: 4})
    wait_until(lambda: len(plain.partitions(settings.topics.events)) == 4, "the fourth partition")
    refresh_metadata(clients)
    assert assigned(clients).partitions == {0, 1, 2, 3}


def test_reading_a_log_that_is_trimmed_meanwhile_is_retriable(
    plain: Plain, settings: Settings, connected: Callable[[Settings], Clients]
) -> None:
    """The last owner can trim between the new owner's two steps, bounds and read."""
    clients = connected(settings)
    changelog = settings.topics.changelog
    plain.send(changelog, [(None, b"row")] * 5, partition=0)
    start, end = clients.reader.bounds(changelog, [0])[0]
    clients.admin.delete_records(changelog, 0, 3)
    with pytest.raises(Retriable, match=f"{changelog}-0"):
        list(clients.reader.read(changelog, 0, start, end))


def test_a_call_without_an_answer_ends_at_its_deadline(
    settings: Settings, connected: Callable[[Settings], Clients], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "CALL_TIMEOUT_MS", 5_000)
    clients, over = connected(settings), Event()

    def never_answered(*_: Any) -> None:
        over.wait()

    for call in ("describe_topics", "list_group_offsets", "remove_group_members"):
        monkeypatch.setattr(KafkaAdminClient, call, never_answered)
    asked = (
        lambda: clients.reader.topic_id(settings.topics.events),
        lambda: clients.reader.committed_offset(settings.group, settings.topics.events, 0),
        clients.admin.leave_group,
    )
    for ask in asked:
        with pytest.raises(Retriable, match="no answer from Kafka within 5 s"):
            ask()
    over.set()


def test_a_second_producer_with_the_same_transactional_id_fences_the_first(
    plain: Plain, settings: Settings, connected: Callable[[Settings], Clients]
) -> None:
    first = connected(settings)
    assigned(first)
    first.producer.begin()
    first.producer.send(settings.topics.partials, 0, b"1", key=b"0")
    connected(settings)
    with pytest.raises(Retriable):
        first.producer.commit({0: 0}, first.consumer.membership())
    assert plain.read(settings.topics.partials) == []


def test_a_commit_succeeds_once_its_coordinator_can_be_reached_again(
    plain: Plain,
    settings: Settings,
    connected: Callable[[Settings], Clients],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refusals = 0
    await_ready = KafkaNetClient.await_ready

    def refuse(client: Any, node_id: Any, **given: Any) -> Any:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise KafkaConnectionError("as while a broker is away")
        return await_ready(client, node_id, **given)

    monkeypatch.setattr(KafkaNetClient, "await_ready", refuse)
    clients = connected(settings)
    assigned(clients)
    clients.producer.begin()
    refusals = 3
    clients.producer.send(settings.topics.partials, 0, b"1", key=b"0")
    clients.producer.commit({0: 0}, clients.consumer.membership())
    assert refusals == 0
    assert [record.value for record in plain.read(settings.topics.partials)] == [b"1"]


def test_a_transaction_with_a_record_that_was_not_delivered_is_not_committed(
    plain: Plain, settings: Settings, connected: Callable[[Settings], Clients]
) -> None:
    clients, topics = connected(settings), settings.topics
    assigned(clients)
    accumulator = cast(Any, clients.producer)._client._accumulator
    accumulator.config["delivery_timeout_ms"] = 1_000
    accumulator.muted.add(TopicPartition(topics.partials, 0))  # The record stays in the client.
    clients.producer.begin()
    clients.producer.send(topics.changelog, 0, b"1")
    late = clients.producer.send(topics.partials, 0, b"1", key=b"0")
    wait_until(lambda: late.is_done, "given up")
    with pytest.raises(Retriable, match="writing"):
        clients.producer.commit({0: 0}, clients.consumer.membership())
    connected(settings)
    assert plain.read(topics.changelog) == []


def test_a_poll_raises_if_another_process_has_taken_the_instance_id(
    settings: Settings, connected: Callable[[Settings], Clients]
) -> None:
    first = connected(settings)
    assigned(first)
    second = connected(settings)
    assigned(second)

    def poll_both() -> bool:
        second.consumer.poll(0.05)
        first.consumer.poll(0.05)
        return False

    with pytest.raises(Fatal, match="--instance-id"):
        wait_until(poll_both, "the first member's poll raises")
    second.consumer.poll(0.0)


class Member:
    """A member of the group that starts its assigned partitions at their next offsets, as the loop does."""

    def __init__(self, clients: Clients, read_to: dict[int, int]) -> None:
        self.clients = clients
        self._read_to = read_to

    def poll(self) -> None:
        consumer = self.clients.consumer
        batches = consumer.poll(0.02)
        rebalances = consumer.rebalances()
        for partition in (p for each in rebalances if each.kind == "assigned" for p in each.partitions):
            consumer.start_at(partition, self._read_to[partition])
        for partition, parts in batches if not rebalances else []:
            for part in parts:
                assert isinstance(part, Chunk)
                assert part.offsets[0] == self._read_to[partition], "a gap, or read again"
                assert list(part.offsets) == list(range(part.offsets[0], part.offsets[-1] + 1))
                self._read_to[partition] = part.offsets[-1] + 1
        for partition in {batch.partition for batch in batches} if not rebalances else ():
            assert consumer.position(partition) == self._read_to[partition]


def test_partitions_without_new_records_do_not_hold_up_one_that_is_behind(
    plain: Plain,
    new_topic: NewTopic,
    settings: Settings,
    connected: Callable[[Settings], Clients],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A broker would answer a fetch of only the idle partitions after 25 s, and each fetch of the other has 3 parts."""
    topic = new_topic(partitions=3)
    plain.send(topic, shop(5_000, seed=2, customers=1))
    monkeypatch.setattr(fetched, "RECORDS_AT_ONCE", 100)
    clients = connected(replace(settings, topics=replace(settings.topics, events=topic)))
    fetcher = cast(Any, clients.consumer)._client._fetcher
    fetcher.config |= {"fetch_max_wait_ms": 25_000, "max_partition_fetch_bytes": 50_000}
    for partition in assigned(clients).partitions:
        clients.consumer.start_at(partition, 0)
    read: Counter[int] = Counter()

    def poll() -> bool:
        for polled in clients.consumer.poll(0.2):
            read[polled.partition] += sum(map(len, polled.parts))
        return read.total() == 5_002

    wait_until(lambda: poll() or read.total() > 1_000, "a part of the records")
    [busy] = read
    for idle in {0, 1, 2} - {busy}:
        plain.send(topic, shop(1, seed=3), idle)
    wait_until(poll, "all records", state=lambda: f"Read: {read}.")


def test_partitions_that_move_between_members_are_read_without_gap_or_repeat(
    plain: Plain, settings: Settings, connected: Callable[[Settings], Clients]
) -> None:
    """A position set right after an assignment must stay, whatever the client does then."""
    sent = {number: end for number, (_, end) in plain.bounds(settings.topics.events).items()}
    read_to = dict.fromkeys(sent, 0)
    members = [Member(connected(settings), read_to)]

    def poll_all() -> bool:
        list(pool.map(Member.poll, members))  # At once: a join is not done before each of them polls.
        return read_to == sent

    with ThreadPoolExecutor(2) as pool:
        for step in range(8):
            if len(members) == 1:
                members.append(Member(connected(replace(settings, instance_id="two")), read_to))
            else:
                leaving = members.pop().clients
                leaving.consumer.close()
                leaving.admin.leave_group()
            for _ in range(10 * (step % 4)):
                plain.send(settings.topics.events, shop(1, seed=step), partition=step % 3)
                sent[step % 3] += 1
                poll_all()
            wait_until(poll_all, f"all read, in step {step}", state=lambda: f"{read_to} of {sent}")


def test_a_member_restarted_after_an_empty_assignment_gets_its_partitions(
    plain: Plain, settings: Settings, connected: Callable[[Settings], Clients]
) -> None:
    """A restarted static member gets its former assignment, which was empty while its topic did not exist."""
    topic = settings.topics.events
    partitions = len(plain.partitions(topic))
    first = connected(settings)
    assert len(assigned(first).partitions) == partitions
    plain.admin.delete_topics([topic])
    wait_until(lambda: topic not in plain.admin.list_topics(), "the topic is gone")
    refresh_metadata(first)
    assert not assigned(first).partitions
    first.consumer.close()
    plain.create_topic(topic, partitions)
    second = connected(settings)
    wait_until(lambda: bool(assigned(second).partitions), "partitions are assigned")


def test_a_join_that_is_answered_between_two_polls_is_completed(
    settings: Settings, connected: Callable[[Settings], Clients]
) -> None:
    """kafka-python forgets it and begins another one, and with it the whole group; two members went on so for ever."""
    clients = connected(settings)
    assert assigned(clients).partitions == {0, 1, 2}
    consumer: Any = clients.consumer
    coordinator = consumer._client._coordinator
    coordinator.request_rejoin()
    consumer._client.poll(timeout_ms=1)  # Too short for the answer.
    wait_until(lambda: coordinator._join_task is None or coordinator._join_task.is_done, "the join's answer")
    generation = coordinator._generation.generation_id
    assert assigned(clients).partitions == {0, 1, 2}
    assert clients.consumer.membership().generation_id == generation
