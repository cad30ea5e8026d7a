"""The load that all contestants read: a year of a shop's events, seeded, keyed by customer; and its topics."""

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS: Final = 4
SEED: Final = 7
START: Final = datetime(2025, 1, 1)
YEAR_S: Final = 364 * 86_400
UPDATED: Final = 0.2
"""The share of ORDER events that change an order, one of the last REMEMBERED or so."""
REMEMBERED: Final = 10_000
FLUSH_S: Final = 600.0
ERRORS: Final = 3
"""librdkafka's log level: errors, no warnings about retries."""


def events(count: int, customers: int) -> Iterator[tuple[str, bytes]]:
    """Customer id and value of each event: 157 bytes, equal shares of the four types, few customers very active."""
    drawn = random.Random(SEED)
    orders: list[tuple[str, str]] = []
    for number in range(count):
        at = START + timedelta(seconds=int(number * YEAR_S / count))
        customer, key = f"{int(customers * drawn.random() ** 2):012x}", f"{number:012x}"
        event: dict[str, Any] = {
            "type": drawn.choice(("CUSTOMER", "SITE_VISIT", "IMAGE", "ORDER")),
            "verb": "NEW",
            "key": key,
            "event_time": f"{at.isoformat()}.{drawn.randrange(1_000):03d}Z",
            "customer_id": customer,
        }
        match event["type"]:
            case "CUSTOMER":
                del event["customer_id"]
                event |= {"key": customer, "last_name": "Smith", "adr_city": "Middletown", "adr_state": "AK"}
            case "SITE_VISIT":
                event["tags"] = [{"some key": "some value"}]
            case "IMAGE":
                event |= {"verb": "UPLOAD", "camera_make": "Canon", "camera_model": "EOS 80D"}
            case "ORDER":
                if orders and drawn.random() < UPDATED:
                    key, customer = drawn.choice(orders)
                    event |= {"verb": "UPDATE", "key": key, "customer_id": customer}
                elif len(orders) < REMEMBERED:
                    orders.append((key, customer))
                else:
                    orders[drawn.randrange(REMEMBERED)] = key, customer
                event["total_amount"] = f"{drawn.randrange(100, 50_000) / 100:.2f} USD"
        yield customer, orjson.dumps(event)


class Sent(NamedTuple):
    """The number of events sent to a topic, and their size."""

    events: int
    bytes: int
    """The total size of their values."""


def send(servers: str, topic: str, records: Iterable[tuple[str, bytes]]) -> Sent:
    """Send events, as (customer id, value), to a topic."""
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "linger.ms": 50,
            "batch.size": 1_000_000,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "log_level": ERRORS,
        }
    )
    count = size = 0
    for count, (customer, value) in enumerate(records, 1):
        size += len(value)
        while True:
            try:
                producer.produce(topic, value, customer)
                break
            except BufferError:
                producer.poll(0.1)
        if count % 1_000 == 0:
            producer.poll(0)
    if left := producer.flush(FLUSH_S):
        raise RuntimeError(f"{left:,} events were not delivered to {topic} at {servers}")
    return Sent(count, size)


def create_topic(servers: str, name: str, partitions: int, config: dict[str, str] | None = None) -> None:
    """Create a topic."""
    admin = _admin(servers)  # A client without a reference would end before the answer.
    admin.create_topics([NewTopic(name, partitions, 1, config=config or {})])[name].result()


def delete_topics(servers: str, part: str) -> None:
    """Delete all topics whose names contain `part`: those of one run."""
    admin = _admin(servers)
    names = [name for name in admin.list_topics(timeout=10).topics if part in name]
    for deleted in admin.delete_topics(names).values() if names else ():
        deleted.result()


def _admin(servers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": servers, "log_level": ERRORS})
