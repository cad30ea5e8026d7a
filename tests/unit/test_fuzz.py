"""What `make fuzz` does for minutes, for a moment; each target sees bytes that are read and bytes that are refused."""

import random
from collections import Counter

import pytest

from tests.fuzz.targets import TARGETS

IN_A_TEST_OF_THEIR_OWN = {"http", "native-events", "native-histories"}
"""`test_openapi.py` and `test_equality.py`."""


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - IN_A_TEST_OF_THEIR_OWN))
def test_random_bytes_are_read_or_refused(name: str) -> None:
    outcomes = sum((TARGETS[name].check(random.Random(seed)) for seed in range(5)), Counter[str]())
    assert len(outcomes) > 1
