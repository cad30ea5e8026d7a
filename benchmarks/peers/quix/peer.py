"""Quix Streams: exactly once, a commit a second, state of customers and orders in RocksDB with a changelog.

It computes the top 10 once, at the end, from a dictionary beside the state: Quix has no timers, and a second topic to
merge the customers of all partitions would cost it more.
"""

import os
import sys
from typing import Any

from quixstreams import Application  # type: ignore[import-not-found]

from benchmarks.peers.shared import (
    Customer,
    Order,
    decode_customer,
    decode_event,
    decode_order,
    encode,
    report,
)

customers: dict[str, Customer] = {}


def add(value: bytes, key: str, _timestamp: int, _headers: Any, state: Any) -> None:
    """Add an event to its customer."""
    event = decode_event(value)
    known = state.get_bytes("")
    customer = decode_customer(known) if known else Customer()
    customer.add(event)
    if event.type == "ORDER":
        before, order = state.get_bytes(event.key), Order(event.cents(), event.event_time)
        old = decode_order(before) if before else Order(0, "")
        if order.event_time > old.event_time:
            customer.cents += order.cents - old.cents
            state.set_bytes(event.key, encode(order))
    state.set_bytes("", encode(customer))
    customers[key] = customer


def main(events: int, application: str, folder: str) -> None:
    """Process this number of events, commit them, and report."""
    app = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group=application,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=1.0,
        state_dir=folder,
        loglevel="ERROR",
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
    )
    topic = app.topic(os.environ["LTV_EVENTS_TOPIC"], key_deserializer="str", value_deserializer="bytes")
    app.dataframe(topic).update(add, stateful=True, metadata=True)
    app.run(count=events, collect=False)
    print(report(events, customers), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
