"""Bytewax: at least once, a snapshot of the changed customers a second into SQLite (its recovery store).

It computes the top 10 once, at the end, from a dictionary beside the state, as the other Python peers do.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op  # type: ignore[import-not-found]
from bytewax.connectors.kafka import KafkaSource  # type: ignore[import-not-found]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir  # type: ignore[import-not-found]
from bytewax.run import cli_main  # type: ignore[import-not-found]
from bytewax.testing import TestingSink  # type: ignore[import-not-found]

from benchmarks.peers.shared import (
    Customer,
    Order,
    decode_customer,
    decode_event,
    decode_order,
    encode,
    report,
)

EVERY = timedelta(seconds=1)
"""How often state is written."""

customers: dict[str, Customer] = {}
counts: dict[str, int] = {}


class OneCustomer(StatefulBatchLogic):  # type: ignore[misc]
    """A customer and its orders."""

    def __init__(self, saved: tuple[bytes, dict[str, bytes]] | None) -> None:
        self._customer = decode_customer(saved[0]) if saved else Customer()
        self._orders = {key: decode_order(order) for key, order in saved[1].items()} if saved else {}

    def on_batch(self, values: list[tuple[str, bytes]]) -> tuple[list[None], bool]:
        """Add events to the customer; emits nothing."""
        for _, value in values:
            event = decode_event(value)
            self._customer.add(event)
            if event.type == "ORDER":
                order, old = Order(event.cents(), event.event_time), self._orders.get(event.key)
                if old is None or order.event_time > old.event_time:
                    self._customer.cents += order.cents - (old.cents if old else 0)
                    self._orders[event.key] = order
        name = values[0][0]
        customers[name] = self._customer
        counts[name] = counts.get(name, 0) + len(values)
        return [], StatefulBatchLogic.RETAIN

    def snapshot(self) -> tuple[bytes, dict[str, bytes]]:
        """The state to write."""
        return encode(self._customer), {key: encode(order) for key, order in self._orders.items()}


def with_key(record: Any) -> tuple[str, tuple[str, bytes]]:
    """The customer's id, as the key and beside the value."""
    name = record.key.decode()
    return name, (name, record.value)


def main(folder: str) -> None:
    """Process all events that are on the topic, and report."""
    flow = Dataflow("peer")
    source = KafkaSource(
        [os.environ["KAFKA_BOOTSTRAP_SERVERS"]],
        [os.environ["LTV_EVENTS_TOPIC"]],
        tail=False,
        add_config={"isolation.level": "read_committed", "fetch.queue.backoff.ms": "5"},
    )
    keyed = op.map("key", op.input("events", flow, source), with_key)
    op.output("nothing", op.stateful_batch("customer", keyed, OneCustomer), TestingSink([]))
    store = Path(folder) / "recovery"
    store.mkdir()
    init_db_dir(store, 1)
    cli_main(flow, epoch_interval=EVERY, recovery_config=RecoveryConfig(str(store)))
    print(report(sum(counts.values()), customers), flush=True)


if __name__ == "__main__":
    main(sys.argv[3])
