"""A client that only polls the whole topic, or also decodes each value: the lower bound for any consumer."""

import gc
import os
import sys
from collections.abc import Iterator
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition

from contract.events import EventToCheck


def polls(servers: str, topic: str) -> Iterator[list[Any]]:
    """The values of each poll."""
    consumer = KafkaConsumer(
        bootstrap_servers=servers,
        isolation_level="read_committed",
        max_poll_records=5_000,
        max_partition_fetch_bytes=4 << 20,
        fetch_max_bytes=16 << 20,
        metrics_enabled=False,
    )
    partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    while True:
        yield [record.value for records in consumer.poll(1_000).values() for record in records]


def main(what: str, events: int) -> None:
    """Read this number of events."""
    gc.disable()
    decode = msgspec.json.Decoder(EventToCheck).decode
    for values in polls(os.environ["KAFKA_BOOTSTRAP_SERVERS"], os.environ["LTV_EVENTS_TOPIC"]):
        if what == "decode":
            for value in values:
                decode(value)
        events -= len(values)
        if events <= 0:
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
