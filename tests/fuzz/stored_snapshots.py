"""A record of the snapshots' topic is a snapshot, one of a newer schema, or a `ValueError` that names the fault."""

import random
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from contract.snapshots import NewerSchema, decode_snapshot
from tests.equality import PIECES
from tests.fuzz.mutation import mutated, showing

STORED: Final = [
    path.read_bytes() for path in sorted((Path(__file__).parents[1] / "samples/snapshots").glob("*.json"))
]
MORE: Final = [
    *(b'"schema_version": 1,', b'"schema_version": 3,', b'"schema_version": "2",', b'"schema_version": -1,'),
    *(
        b'"schema_version": 2e0,',
        b'"schema_version": [],',
        b"9" * 5000,
        b"[" * 2000,
        b'"rows": null,',
        b'"coverage": {},',
    ),
]


def check(draw: random.Random) -> Counter[str]:
    """Decode mutated snapshots of every schema version."""
    outcomes: Counter[str] = Counter()
    for _ in range(100):
        value = mutated(draw, draw.choice(STORED), [*PIECES, *MORE])
        with showing(value):
            outcomes[_outcome(value)] += 1
    return outcomes


def _outcome(value: bytes) -> str:
    try:
        snapshot = decode_snapshot(value)
    except NewerSchema:
        return "newer"
    except ValueError:
        return "refused"
    assert decode_snapshot(msgspec.json.encode(snapshot)) == snapshot
    return "read"
