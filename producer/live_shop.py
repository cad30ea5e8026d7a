"""Runs a simulated shop live: sends its events to the topic at the rate at which they happen."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from contract.errors import InvalidEvent
from producer.delivery import Faults, live
from producer.publisher import Publisher
from producer.seasons import time_text

PACE_S: Final = 0.02
"""How often the shop sends the events that are due."""


def run_shop(
    target: Publisher,
    rate: float,
    count: int | None,
    should_stop: Callable[[], bool],
    *,
    seed: int,
    customers: int,
    faults: Faults,
) -> None:
    """Send `rate` events a second until `count` are sent (None: no limit) or `should_stop` returns true."""
    events = live(_now_texts(), seed, customers, faults)
    began = time.monotonic()
    while not should_stop() and target.sent != count:
        due = int((time.monotonic() - began) * rate) + 1
        for event in islice(events, (due if count is None else min(due, count)) - target.sent):
            with suppress(InvalidEvent):  # Too large for the topic: `finish` tells it.
                target.send(event.customer_id.encode(), event.value)
        time.sleep(PACE_S)


def _now_texts() -> Iterator[str]:
    while True:
        yield time_text(datetime.now(UTC))
