"""Producers with different partitioners: where each client places keys, and how the consumer treats a mixture."""

from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from contract.partitioners import PARTITIONERS
from tests.integration.application import Plain, shop
from tests.integration.conftest import NewApplication, NewTopic

PARTITIONS = 5
OF_LIBRDKAFKA = {"murmur2": "murmur2_random", "crc32": "consistent_random", "fnv1a": "fnv1a_random"}
KEYS = [f"{prefix}{number}".encode() for number in range(60) for prefix in ("c", "customer-", "Ødegård")]


def sent_by_librdkafka(plain: Plain, topic: str, records: Any, partitioner: str) -> None:
    producer = Producer({"bootstrap.servers": plain.servers, "partitioner": partitioner, "linger.ms": 5})
    for key, value in records:
        producer.produce(topic, value, key)
    assert producer.flush(60) == 0


def placed(plain: Plain, topic: str) -> dict[bytes, int]:
    return {record.key: record.partition for record in plain.read(topic)}


@pytest.mark.parametrize("name", PARTITIONERS)
def test_librdkafka_places_each_key_where_our_partitioner_does(plain: Plain, name: str) -> None:
    topic = f"placed-{uuid4().hex[:8]}"
    plain.create_topic(topic, PARTITIONS)
    sent_by_librdkafka(plain, topic, ((key, b"") for key in KEYS), OF_LIBRDKAFKA[name])
    place = PARTITIONERS[name]
    assert placed(plain, topic) == {key: place(key, PARTITIONS) for key in KEYS}


def test_kafka_python_places_each_key_where_our_murmur2_does(plain: Plain) -> None:
    topic = f"placed-{uuid4().hex[:8]}"
    plain.create_topic(topic, PARTITIONS)
    plain.send(topic, ((key, b"") for key in KEYS))
    assert placed(plain, topic) == {key: PARTITIONERS["murmur2"](key, PARTITIONS) for key in KEYS}


def test_events_of_a_second_partitioner_become_dead_letters_and_no_customer_is_ranked_twice(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    ours, theirs = shop(400, seed=1), shop(60, seed=2)
    topic = new_topic(ours)
    partitions = len(plain.partitions(topic))
    sent_by_librdkafka(plain, topic, theirs, "consistent_random")
    application = new_application(topic)
    snapshot = application.backfill("one", "--top", "100")
    customers = [row["customer_id"] for row in snapshot["rows"]]
    assert len(customers) == len(set(customers))
    strayed = sum(
        PARTITIONERS["murmur2"](key, partitions) != PARTITIONERS["crc32"](key, partitions)
        for key, _ in theirs
        if key
    )
    assert strayed > 0
    reasons = [headers["ltv.reason"] for _, headers in application.dead_letters()]
    assert reasons == ["wrong_partition"] * strayed
    assert snapshot["totals"]["events"] + snapshot["totals"]["dead_letters"] == len(ours) + len(theirs)


def test_if_most_first_customers_are_misplaced_the_fitting_partitioner_is_named(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic([])
    sent_by_librdkafka(plain, topic, shop(400, seed=1), "consistent_random")
    application = new_application(topic)
    refused = application.run("one", "--until-end")
    assert refused.code == 1
    assert "set --partitioner crc32 (LTV_PARTITIONER)" in refused.last_line
    assert application.dead_letters() == []
    snapshot = application.backfill("one", "--partitioner", "crc32")
    assert (snapshot["totals"]["events"], snapshot["totals"]["dead_letters"]) == (400, 0)


def test_a_state_of_another_partitioner_is_refused_after_a_restore(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic(shop(200, seed=3))
    application = new_application(topic)
    application.backfill("one", "--partitioner", "unchecked")
    refused = application.run("one", "--until-end", "--partitioner", "fnv1a")
    assert refused.code == 1
    assert "set --partitioner murmur2" in refused.last_line
    assert application.backfill("one", "--partitioner", "murmur2")["totals"]["events"] == 200
