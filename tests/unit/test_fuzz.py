"""What `make fuzz` does for minutes, for a moment; each target sees bytes that are read and bytes that are refused."""

import random
from collections import Counter

import pytest

from consumer.native_state import NativeState
from contract.native_core import NativeCoreFailed
from tests.fuzz.targets import TARGETS
from tests.implementations import NATIVE

IN_A_TEST_OF_THEIR_OWN = {"http", "native-events", "native-histories"}
"""`test_openapi.py` and `test_equality.py`."""


@pytest.mark.parametrize("name", sorted(TARGETS.keys() - IN_A_TEST_OF_THEIR_OWN))
def test_random_bytes_are_read_or_refused(name: str) -> None:
    outcomes = sum((TARGETS[name].check(random.Random(seed)) for seed in range(5)), Counter[str]())
    assert len(outcomes) > 1


@pytest.mark.skipif(NATIVE is None, reason="the native core is not installed (make native)")
def test_a_panic_of_the_core_is_no_refused_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(*_: object) -> None:
        raise NativeCoreFailed("index out of bounds")

    monkeypatch.setattr(NativeState, "restore", panic)
    with pytest.raises(NativeCoreFailed):
        TARGETS["changelog"].check(random.Random(0))
