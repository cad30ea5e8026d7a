"""Bytes that are nearly what somebody writes."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

SHOWN_BYTES: Final = 2000


def mutated(draw: random.Random, value: bytes, pieces: Sequence[bytes]) -> bytes:
    """The bytes with up to four changes: a piece put in, a byte changed, a stretch cut out, repeated or moved."""
    changed = bytearray(value)
    for _ in range(draw.choice([0, 1, 1, 1, 2, 4])):
        start = draw.randrange(len(changed) + 1)
        end = min(len(changed), start + draw.choice([0, 1, 1, 2, 4, 8, 64]))
        how = draw.random()
        if how < 0.5:
            changed[start:end] = draw.choice(pieces)
        elif how < 0.7:
            changed[start:end] = bytes([draw.randrange(256)])
        elif how < 0.8:
            del changed[start : draw.choice([end, len(changed)])]
        else:
            at = draw.randrange(len(changed) + 1)
            changed[at:at] = changed[start:end] * draw.choice([1, 2, 50])
    return bytes(changed)


@contextmanager
def showing(value: bytes) -> Iterator[None]:
    """An error raised within the block says for which bytes."""
    try:
        yield
    except Exception as error:
        error.add_note(f"for {value[:SHOWN_BYTES]!r}, {len(value):,} bytes")
        raise
