"""Undelivered records are counted and reported; a cluster that does not answer ends the run; memory is bounded."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from kafka.partitioner.default import DefaultPartitioner
from kafka.record.default_records import DefaultRecordBatchBuilder

from cluster.settings import Cluster
from contract.customer_key import readable_key
from contract.errors import InvalidEvent, Retriable
from producer.publisher import BYTES_PER_RECORD, MAX_IN_FLIGHT_BYTES, KeyPartitioner, Publisher, publisher


class FakeFuture:
    def __init__(self, error: Exception | None, *, answered: bool) -> None:
        self._error, self._answered = error, answered

    def add_callback(self, confirmed: Callable[[Any], None]) -> None:
        if self._answered and self._error is None:
            confirmed(None)

    def add_errback(self, failed: Callable[[Exception], None]) -> None:
        if self._answered and self._error is not None:
            failed(self._error)


class FakeClient:
    """Answers the first `answers` records, with the error of the record's value if it has one, and no others."""

    def __init__(self, answers: int = 1_000_000, errors: dict[bytes, Exception] | None = None) -> None:
        self._answers, self._errors = answers, errors or {}
        self.sent = 0

    def send(self, _topic: str, value: bytes, key: bytes | None) -> FakeFuture:
        self.sent += 1
        answered = self.sent <= self._answers
        return FakeFuture(self._errors.get(value), answered=answered)


def test_finish_returns_once_all_records_are_delivered() -> None:
    target = Publisher(FakeClient(), "t")
    for _ in range(10):
        target.send(b"c", b"v")
    target.finish()
    assert (target.sent, target.delivered, target.failed) == (10, 10, 0)


def test_a_rejected_record_is_counted_and_the_others_are_sent() -> None:
    target = Publisher(FakeClient(errors={b"big": MessageSizeTooLargeError("too big")}), "t")
    for value in (b"a", b"big", b"b"):
        target.send(None, value)
    with pytest.raises(Retriable, match=r"1 of 3 records was not delivered to t: .*too big"):
        target.finish()
    assert target.delivered == 2


def test_the_wait_for_a_cluster_that_does_not_answer_ends_at_its_deadline() -> None:
    target = Publisher(FakeClient(answers=4), "t", delivery_timeout_ms=50)
    for _ in range(10):
        target.send(b"c", b"v")
    with pytest.raises(Retriable, match=r"6 of 10 records were not delivered to t: no answer"):
        target.finish()


class SilentClient(FakeClient):
    """A whole client that answers no record, on a clock of its own."""

    def __init__(self, **_settings: object) -> None:
        super().__init__(answers=0)
        self._sender = self
        self.now_s = 0.0

    def partitions_for(self, _topic: str) -> set[int]:
        return {0}

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds

    def monotonic(self) -> float:
        return self.now_s

    def force_close(self) -> None:
        """Nothing is sent any more."""

    def join(self, timeout: float) -> None:
        self.now_s += timeout

    def close(self, timeout: float) -> None:
        self.now_s += timeout


@pytest.mark.parametrize(("error", "most_s"), [(KeyboardInterrupt, 8.0), (ZeroDivisionError, 31.0)])
def test_a_block_that_ctrl_c_ends_gives_a_silent_kafka_a_few_seconds_only(
    error: type[BaseException], most_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = SilentClient()
    monkeypatch.setattr("producer.publisher.KafkaProducer", lambda **_: client)
    monkeypatch.setattr("producer.publisher.max_message_bytes", lambda *_: None)
    monkeypatch.setattr("producer.publisher.time", client)

    def send_and_end() -> None:
        with publisher(Cluster(bootstrap_servers="nowhere:1"), "t") as target:
            target.send(b"c", b"v")
            raise error

    with pytest.raises(error):
        send_and_end()
    assert client.now_s <= most_s


def test_after_an_expired_record_no_further_one_is_sent() -> None:
    client = FakeClient(errors={b"late": KafkaTimeoutError("expired")})
    target = Publisher(client, "t")
    target.send(b"c", b"late")
    with pytest.raises(Retriable, match=r"1 of 1 record was not delivered to t: .*expired"):
        target.send(b"c", b"v")
    assert client.sent == 1


@pytest.mark.parametrize("size", [10, 900_000])
def test_records_in_flight_are_bounded_by_bytes(size: int) -> None:
    client = FakeClient(answers=0)
    target = Publisher(client, "t", delivery_timeout_ms=50)

    def send_for_ever() -> None:
        while True:
            target.send(b"c", bytes(size))

    with pytest.raises(Retriable, match="were not delivered"):
        send_for_ever()
    one = size + BYTES_PER_RECORD
    assert MAX_IN_FLIGHT_BYTES // 2 - one < client.sent * one <= MAX_IN_FLIGHT_BYTES + one


def test_a_record_that_the_topic_is_too_small_for_is_not_sent_and_counts_as_not_delivered() -> None:
    client = FakeClient()
    target = Publisher(client, "t", max_batch_bytes=1_000)
    target.send(b"c", b"v" * 900)
    with pytest.raises(
        InvalidEvent, match=r"1,071 bytes as a record; the topic t takes 1,000: raise"
    ) as error:
        target.send(b"c", b"v" * 1_000)
    assert error.value.reason == "oversize"
    with pytest.raises(Retriable, match="1 of 2 records was not delivered to t: 1,071 bytes"):
        target.finish()
    assert client.sent == target.delivered == 1


@pytest.mark.parametrize("key", [b"", b"k" * 200, None])
def test_a_topics_limit_is_met_to_the_byte(key: bytes | None) -> None:
    def fits(size: int) -> bool:
        builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 1 << 20)
        builder.append(0, 0, key, b"v" * size, [])
        return len(builder.build()) <= 1_000

    for size in range(600, 1_000):
        target = Publisher(FakeClient(), "t", max_batch_bytes=1_000)
        with nullcontext() if fits(size) else pytest.raises(InvalidEvent):
            target.send(key, b"v" * size)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b'{"type":"CUSTOMER","key":"c1"}', b"c1"),
        (b'{"type":"ORDER","key":"o1","customer_id":"\xc3\xbc"}', "ü".encode()),
        (b'{"type":"NONSENSE","customer_id":"c1"}', b"c1"),
        (b'{"type":"ORDER","key":"o1"}', None),
        (b'{"type":"ORDER","customer_id":""}', None),
        (b'{"type":"ORDER","customer_id":7}', None),
        (b"rubbish", None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_as_is_the_key_is_the_customer_id_if_it_can_be_decoded(value: bytes, key: bytes | None) -> None:
    assert readable_key(value) == key


class FakeMetadata:
    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return set(range(7))

    available_partitions_for_topic = partitions_for_topic


def test_a_customer_goes_to_the_partition_that_every_kafka_client_would_choose() -> None:
    ours, theirs, metadata = KeyPartitioner("murmur2"), DefaultPartitioner(), FakeMetadata()
    for key in [b"", b"\xff" * 256, *(f"{n:012x}".encode() for n in range(200))] * 2:
        assert ours.partition("t", key, key, b"v", b"v", metadata) == theirs.partition(
            "t", key, key, b"v", b"v", metadata
        )


def test_without_a_customer_id_any_partition_is_chosen() -> None:
    assert KeyPartitioner("murmur2").partition("t", None, None, b"v", b"v", FakeMetadata()) in range(7)
