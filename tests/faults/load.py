"""The load: mixed events with updates, equal times, duplicates, disorder and rubbish, sent in the background.

The load marks its rubbish with the header RUBBISH, so that the oracle needs no validator. It sends with librdkafka,
idempotent: whatever happens to the broker, a record is on the topic once.
"""

import json
import random
import threading
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from confluent_kafka import Producer

RUBBISH: Final = "fault-test-rubbish"
RUBBISH_SHARE: Final = 0.03
DUPLICATE_SHARE: Final = 0.05
REMEMBERED: Final = 200
DELIVERY_S: Final = 600.0
BURSTS_PER_S: Final = 20


class Sent(NamedTuple):
    """A record to send: its key, its value, and whether it is a valid event."""

    key: bytes | None
    value: bytes | None
    valid: bool = True


def events(seed: int, customers: int) -> Iterator[Sent]:
    """Endless events. Times are coarse, so that some versions of an order have equal times."""
    chance = random.Random(seed)
    recent: list[Sent] = []
    number = 0
    while True:
        number += 1
        customer = f"c{chance.randrange(customers)}"
        if recent and chance.random() < DUPLICATE_SHARE:
            yield chance.choice(recent)
        elif chance.random() < RUBBISH_SHARE:
            yield _rubbish(chance, customer)
        else:
            sent = Sent(customer.encode(), json.dumps(_event(chance, customer, number)).encode())
            if len(recent) < REMEMBERED:
                recent.append(sent)
            else:
                recent[number % REMEMBERED] = sent
            yield sent


def _event(chance: random.Random, customer: str, number: int) -> dict[str, Any]:
    at = f"{chance.choice((2024, 2025))}-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}"
    event = {"key": f"e{number}", "event_time": f"{at}T{chance.choice(('00:00:00.000', '23:59:59.999'))}Z"}
    kind = chance.random()
    if kind < 0.05:
        verb = chance.choice(("NEW", "UPDATE"))
        return event | {
            "type": "CUSTOMER",
            "verb": verb,
            "key": customer,
            "last_name": chance.choice(("Ng", "Ødegård", "Day")),
        }
    event["customer_id"] = customer
    if kind < 0.4:
        return event | {"type": "SITE_VISIT", "verb": "NEW", "tags": [{"page": "home"}]}
    if kind < 0.45:
        return event | {"type": "IMAGE", "verb": "UPLOAD", "camera_make": "Canon"}
    amount = f"{chance.randrange(1000)}.{chance.randrange(100):02d} USD"
    verb = chance.choice(("NEW", "UPDATE"))
    return event | {
        "type": "ORDER",
        "verb": verb,
        "key": f"o{chance.randrange(40)}",
        "total_amount": amount,
    }


def _rubbish(chance: random.Random, customer: str) -> Sent:
    event = {
        "type": "ORDER",
        "verb": "NEW",
        "key": "rubbish",
        "event_time": "2030-01-01T00:00:00Z",
        "customer_id": customer,
        "total_amount": "1000000.00 USD",
    }
    key, text = customer.encode(), json.dumps(event)
    return chance.choice(
        (
            Sent(key, text[: chance.randrange(1, len(text))].encode(), False),
            Sent(key, text.encode() + b"\xff", False),
            Sent(key, None, False),
            Sent(key, json.dumps(event | {"total_amount": "-1.00 USD"}).encode(), False),
            Sent(key, json.dumps(event | {"type": "REFUND"}).encode(), False),
            Sent(key, json.dumps(event | {"event_time": "soon"}).encode(), False),
            Sent(b"another customer", text.encode(), False),
        )
    )


class Load:
    """Sends the events of one seed to one topic: a number at once, or at a rate until it is stopped."""

    def __init__(self, servers: str, topic: str, seed: int, customers: int) -> None:
        self._topic = topic
        self._events = events(seed, customers)
        self._producer = Producer(
            {
                "bootstrap.servers": servers,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "delivery.timeout.ms": int(DELIVERY_S * 1000),
                "log_level": 2,
            }
        )
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._errors: list[str] = []
        self.rate = 0
        """Events a second in the background; may be changed while they are sent."""
        self.delivered = 0

    def send(self, count: int) -> None:
        """Send `count` events and wait until all are on the topic."""
        self._produce(count)
        self.flush()

    def start(self, rate: int) -> None:
        """Send at this rate (events a second) in the background."""
        self._stop.clear()
        self.rate = rate
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Stop, and wait until all events are on the topic; returns the number of events sent since the beginning."""
        self._stop.set()
        if self._thread:
            self._thread.join()
            self._thread = None
        self.flush()
        return self.delivered

    def close(self) -> None:
        """Stop sending, without waiting."""
        self._stop.set()

    def flush(self) -> None:
        left = self._producer.flush(DELIVERY_S)
        assert left == 0, f"{left} events of the load were not delivered"
        assert not self._errors, self._errors[:3]

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self._produce(self.rate // BURSTS_PER_S)
            due = max(due + 1 / BURSTS_PER_S, time.monotonic() - 1)
            self._stop.wait(max(0.0, due - time.monotonic()))

    def put(self, sent: Sent) -> None:
        """Send one record; `flush` waits until it is on the topic."""
        headers: dict[str, Any] = {} if sent.valid else {RUBBISH: b"1"}
        while True:
            try:
                self._producer.produce(
                    self._topic, sent.value, sent.key, headers=headers, on_delivery=self._noted
                )
                break
            except BufferError:  # While the broker is away.
                self._producer.poll(0.1)

    def _produce(self, count: int) -> None:
        for _ in range(count):
            self.put(next(self._events))
        self._producer.poll(0)

    def _noted(self, error: Any, _record: Any) -> None:
        if error:
            self._errors.append(str(error))
        else:
            self.delivered += 1
