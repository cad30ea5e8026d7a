"""Faust (faust-streaming): exactly once, a commit a second, in-memory tables of customers and orders with changelogs.

It computes the top 10 once, at the end, from the table of customers.
"""

import asyncio
import os
import sys
from typing import Any

import faust  # type: ignore[import-not-found]

from benchmarks.peers.shared import (
    Customer,
    Order,
    decode_customer,
    decode_event,
    decode_order,
    encode,
    report,
)

EVENTS, APPLICATION, FOLDER = int(sys.argv[1]), sys.argv[2], sys.argv[3]
TOPIC = os.environ["LTV_EVENTS_TOPIC"]
PARTITIONS = 4

app = faust.App(
    APPLICATION,
    broker="kafka://" + os.environ["KAFKA_BOOTSTRAP_SERVERS"],
    datadir=FOLDER,
    store="memory://",
    processing_guarantee="exactly_once",
    broker_commit_interval=1.0,
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    producer_linger_ms=20,
    producer_max_batch_size=256 << 10,
    stream_wait_empty=False,
    key_serializer="raw",
    value_serializer="raw",
    web_enabled=False,
)
source = app.topic(TOPIC, key_type=bytes, value_type=bytes)
customers = app.Table("customers", key_type=bytes, value_type=bytes, partitions=PARTITIONS)
orders = app.Table("orders", key_type=bytes, value_type=bytes, partitions=PARTITIONS)


async def aggregate(stream: Any) -> None:
    """Add events to their customers."""
    processed = 0
    async for key, value in stream.items():
        event = decode_event(value)
        known = customers.get(key)
        customer = decode_customer(known) if known else Customer()
        customer.add(event)
        if event.type == "ORDER":
            order_key, order = key + b"/" + event.key.encode(), Order(event.cents(), event.event_time)
            before = orders.get(order_key)
            old = decode_order(before) if before else Order(0, "")
            if order.event_time > old.event_time:
                customer.cents += order.cents - old.cents
                orders[order_key] = encode(order)
        customers[key] = encode(customer)
        processed += 1
        if processed == EVENTS:
            app.add_future(finish())


async def finish() -> None:
    """Wait until all events are committed, report, and end at once."""
    while sum(app.consumer._committed_offset.get(tp) or 0 for tp in app.consumer.assignment()) < EVENTS:
        await asyncio.sleep(0.05)
    print(
        report(EVENTS, {key.decode(): decode_customer(value) for key, value in customers.items()}), flush=True
    )
    os._exit(0)


app.agent(source)(aggregate)

if __name__ == "__main__":
    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()
