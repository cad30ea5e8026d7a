"""Which Kafka client the consumer under test has: kafka-python, and both where a test asks for it.

LTV_TEST_TRANSPORT=confluent (or kafka-python) is for all tests.
"""

import os
from typing import Final, get_args

import pytest

from consumer.settings import Transport

FORCED: Final = os.environ.get("LTV_TEST_TRANSPORT", "")
DEFAULT: Final = FORCED or "kafka-python"

both_transports = pytest.mark.parametrize("transport", [FORCED] if FORCED else get_args(Transport))


def module_of(transport: str) -> str:
    """Where its code is."""
    return f"consumer.stream.transport.{transport.replace('-', '_')}"


def few_at_once(monkeypatch: pytest.MonkeyPatch, transport: str, records: int) -> None:
    """Have a poll return about so many records; with kafka-python it is a batch of their producer's at least."""
    limit = {
        "kafka-python": "consumer.stream.transport.records.RECORDS_AT_ONCE",
        "confluent": "consumer.stream.transport.confluent.MAX_POLL_RECORDS",
    }
    monkeypatch.setattr(limit[transport], records)
