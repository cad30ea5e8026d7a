"""Pathway: at least once, its input and state persisted once a second; the job is made of its own expressions only.

It computes the top 10 once, at the end, from a dictionary of the customers that it reports, as the other Python peers
do.
"""

import os
import sys
from pathlib import Path
from typing import Any

import pathway as pw  # type: ignore[import-not-found]

from benchmarks.peers.shared import Customer, report

SAVED_EVERY_MS = 1_000
TIME = "%Y-%m-%dT%H:%M:%S%.fZ"
SUNDAY = "2024-12-29T00:00:00.000Z"
"""Before the load's first event."""

customers: dict[str, Customer] = {}
counts: dict[str, int] = {}


class Event(pw.Schema):  # type: ignore[misc]
    """The fields that the peer needs."""

    type: str
    key: str
    event_time: str
    customer_id: str | None = pw.column_definition(default_value=None)
    total_amount: str | None = pw.column_definition(default_value=None)


def customers_of(events: Any) -> Any:
    """The table of customers: cents, weeks and number of events, by Pathway's operators."""
    since = events.event_time.dt.strptime(TIME) - pw.DateTimeNaive(SUNDAY[:-1])
    named = events.select(
        pw.this.type,
        pw.this.key,
        pw.this.event_time,
        pw.this.total_amount,
        customer=pw.coalesce(pw.this.customer_id, pw.this.key),
        week=since.dt.weeks(),
    )
    orders = named.filter(pw.this.type == "ORDER").select(
        pw.this.customer,
        pw.this.key,
        version=pw.make_tuple(
            pw.this.event_time,
            pw.unwrap(pw.this.total_amount).str.replace(" USD", "").str.replace(".", "").str.parse_int(),
        ),
    )
    newest = orders.groupby(pw.this.customer, pw.this.key).reduce(
        pw.this.customer, version=pw.reducers.max(pw.this.version)
    )
    spent = newest.groupby(pw.this.customer).reduce(
        pw.this.customer, cents=pw.reducers.sum(pw.this.version.get(1))
    )
    by_week = named.groupby(pw.this.customer, pw.this.week).reduce(
        pw.this.customer, events=pw.reducers.count()
    )
    active = by_week.groupby(pw.this.customer).reduce(
        pw.this.customer, weeks=pw.reducers.count(), events=pw.reducers.sum(pw.this.events)
    )
    return active.join_left(spent, pw.left.customer == pw.right.customer).select(
        pw.left.customer, pw.left.weeks, pw.left.events, cents=pw.coalesce(pw.right.cents, 0)
    )


def keep(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
    """Keep the newest figures of a customer."""
    if is_addition:
        customers[row["customer"]] = Customer(row["cents"], 0, (1 << row["weeks"]) - 1)
        counts[row["customer"]] = row["events"]


def main(folder: str) -> None:
    """Process all events that are on the topic, and report."""
    settings = {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        "group.id": "none",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "fetch.queue.backoff.ms": "5",
    }
    events = pw.io.kafka.read(
        settings,
        os.environ["LTV_EVENTS_TOPIC"],
        schema=Event,
        format="json",
        mode="static",
        autocommit_duration_ms=SAVED_EVERY_MS,
        name="events",
    )
    pw.io.subscribe(customers_of(events), keep)
    backend = pw.persistence.Backend.filesystem(str(Path(folder) / "persistence"))
    saved = pw.persistence.Config(backend, snapshot_interval_ms=SAVED_EVERY_MS)
    pw.run(persistence_config=saved, monitoring_level=pw.MonitoringLevel.NONE)
    print(report(sum(counts.values()), customers), flush=True)


if __name__ == "__main__":
    main(sys.argv[3])
