"""Send four events with kafka-python; for example: `python with_kafka_python.py localhost:9092 ltv.events`."""

import json
import sys

from kafka import KafkaProducer

servers, topic = sys.argv[1:]
EVENTS = [
    {
        "type": "CUSTOMER",
        "verb": "NEW",
        "key": "anna",
        "event_time": "2026-01-31T09:00:00Z",
        "last_name": "Smith",
    },
    {
        "type": "SITE_VISIT",
        "verb": "NEW",
        "key": "p1",
        "event_time": "2026-01-31T09:01:00Z",
        "customer_id": "anna",
    },
    {
        "type": "IMAGE",
        "verb": "UPLOAD",
        "key": "i1",
        "event_time": "2026-01-31T09:02:00Z",
        "customer_id": "anna",
    },
    {
        "type": "ORDER",
        "verb": "NEW",
        "key": "o1",
        "event_time": "2026-01-31T09:03:00Z",
        "customer_id": "anna",
        "total_amount": "12.34 USD",
    },
]

producer = KafkaProducer(bootstrap_servers=servers, acks="all", enable_idempotence=True)
sent = []
for event in EVENTS:
    customer = event["key"] if event["type"] == "CUSTOMER" else event["customer_id"]
    sent.append(producer.send(topic, key=customer.encode(), value=json.dumps(event).encode()))
producer.flush()
for each in sent:
    each.get(timeout=60)  # Raises the error of an event that was not delivered.
print(f"{len(sent)} events delivered")
