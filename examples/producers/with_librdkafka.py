"""Send four events with confluent-kafka; for example: `python with_librdkafka.py localhost:9092 ltv.events`."""

import json
import sys

from confluent_kafka import KafkaError, Producer

servers, topic = sys.argv[1:]
EVENTS = [
    {
        "type": "CUSTOMER",
        "verb": "NEW",
        "key": "bo",
        "event_time": "2026-01-31T09:00:00Z",
        "last_name": "Jones",
    },
    {
        "type": "SITE_VISIT",
        "verb": "NEW",
        "key": "p1",
        "event_time": "2026-01-31T09:01:00Z",
        "customer_id": "bo",
    },
    {
        "type": "IMAGE",
        "verb": "UPLOAD",
        "key": "i1",
        "event_time": "2026-01-31T09:02:00Z",
        "customer_id": "bo",
    },
    {
        "type": "ORDER",
        "verb": "NEW",
        "key": "o1",
        "event_time": "2026-01-31T09:03:00Z",
        "customer_id": "bo",
        "total_amount": "12.34 USD",
    },
]
PLACES_AS_JAVA_DOES = "murmur2_random"
"""Without it librdkafka chooses another partition than Java and `ltv publish`: `wrong_partition`."""

producer = Producer(
    {
        "bootstrap.servers": servers,
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": PLACES_AS_JAVA_DOES,
    }
)
failed: list[KafkaError] = []
for event in EVENTS:
    customer = event["key"] if event["type"] == "CUSTOMER" else event["customer_id"]
    producer.produce(
        topic,
        key=customer,
        value=json.dumps(event),
        on_delivery=lambda error, _record: failed.append(error) if error else None,
    )
producer.flush()
if failed:
    sys.exit(f"{len(failed)} events not delivered: {failed[0]}")
print(f"{len(EVENTS)} events delivered")
