"""Bytes become an event or an `InvalidEvent`, never another error; one by one as many at once."""

import random
from collections import Counter
from typing import Final

from contract.decode import decode_event, decode_events
from contract.errors import InvalidEvent
from contract.events import REASONS, Event
from tests.equality import mutated_event
from tests.fuzz.mutation import showing

AT_ONCE: Final = 200


def check(draw: random.Random) -> Counter[str]:
    """Decode mutated events, and some bytes that never were one."""
    values = [mutated_event(draw) if draw.random() < 0.98 else draw.randbytes(20) for _ in range(AT_ONCE)]
    alone = [_alone(value) for value in values]
    found, invalid = decode_events(values)
    assert found == [event for event in alone if not isinstance(event, InvalidEvent)]
    assert [(i, str(error)) for i, error in invalid] == [
        (i, str(error)) for i, error in enumerate(alone) if isinstance(error, InvalidEvent)
    ]
    return Counter(valid=len(found), invalid=len(invalid))


def _alone(value: bytes) -> Event | InvalidEvent:
    with showing(value):
        try:
            return decode_event(value)
        except InvalidEvent as error:
            invalid = error
        assert invalid.reason in REASONS
        return invalid
