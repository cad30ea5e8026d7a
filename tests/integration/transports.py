"""The Kafka client of the consumer under test: kafka-python, or with `both_transports` each of the two.

LTV_TEST_TRANSPORT=confluent (or kafka-python) sets one client for all tests.
"""

import os
from typing import Final, get_args

import pytest

from consumer.settings import Transport

FORCED: Final = os.environ.get("LTV_TEST_TRANSPORT", "")
DEFAULT: Final = FORCED or "kafka-python"

both_transports = pytest.mark.parametrize("transport", [FORCED] if FORCED else get_args(Transport))


def module_of(transport: str) -> str:
    """The module of this transport."""
    return f"consumer.stream.transport.{transport.replace('-', '_')}"


def few_at_once(monkeypatch: pytest.MonkeyPatch, transport: str, records: int) -> None:
    """Make a poll return about this number of records; with kafka-python, at least one batch of the producer's."""
    limit = {
        "kafka-python": "cluster.fetched.RECORDS_AT_ONCE",
        "confluent": "consumer.stream.transport.confluent.MAX_POLL_RECORDS",
    }
    monkeypatch.setattr(limit[transport], records)
