"""The two ends of a partition to which records come while they are asked for."""

from typing import Any

import pytest
from kafka import IsolationLevel

from cluster.log_reader import LogReader


@pytest.mark.parametrize(("held_back", "expected"), [(0, (120, 120)), (30, (90, 110))])
def test_records_that_come_between_the_requests_are_not_held_back(
    held_back: int, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    high_watermarks = iter([110, 120])

    def offsets(
        _reader: LogReader, asked: list[Any], _spec: Any, isolation: Any = None, timeout_s: float = 0.0
    ) -> dict[Any, int]:
        held = held_back if isolation == IsolationLevel.READ_COMMITTED else 0
        return dict.fromkeys(asked, next(high_watermarks) - held)

    monkeypatch.setattr(LogReader, "_offsets", offsets)
    reader = LogReader.__new__(LogReader)
    assert reader.both_ends("ltv.events", [0], timeout_s=1.0) == {0: expected}
