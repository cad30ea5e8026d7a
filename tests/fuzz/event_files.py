"""A file of anything is read to its end or refused with `Fatal`, alike wherever a read ends."""

import gzip
import random
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from contract.errors import Fatal
from files.format import read_events
from files.input import BOM
from tests.equality import PIECES, plain_event, text_of
from tests.fuzz.mutation import mutated, showing

Read = list[tuple[int, bytes]] | str
"""The events with their lines, or "refused"."""

STRUCTURE: Final = [
    *(b"[", b"]", b"{", b"}", b",", b'"', b"\\", b"\n", b"\r\n", b"\n\n", b" ", b"\x1e", b"\0", b"[]", b"{}"),
    *(
        BOM,
        b"\xff\xfe",
        b"PK\x03\x04",
        b"BZh9",
        b"\x1f\x8b",
        b"a,b\n1,2\n",
        b"<?xml",
        b"[1",
        b"1]",
        b"][",
        b"],[",
    ),
]
CHUNKS: Final = (1, 2, 3, 7, 64, 4096)


def check(draw: random.Random) -> Counter[str]:
    """Read mutated files: lines, arrays in several layouts, with byte order mark, gzip, record separators."""
    outcomes: Counter[str] = Counter()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events"
        for _ in range(20):
            text = _file(draw)
            path.write_bytes(text)
            with showing(text):
                whole = _read(path, 1 << 17)
                assert _read(path, draw.choice(CHUNKS)) == whole
            outcomes["refused" if whole == "refused" else "read"] += 1
    return outcomes


def _read(path: Path, chunk_bytes: int) -> Read:
    try:
        return list(read_events(str(path), chunk_bytes))
    except Fatal:
        return "refused"


def _file(draw: random.Random) -> bytes:
    events = [text_of(draw, plain_event(draw)) for _ in range(draw.choice([0, 1, 2, 5, 30]))]
    before, between, after = draw.choice(
        [
            (b"", b"\n", b"\n"),
            (b"", b"\r\n", b""),
            (b"\x1e", b"\n\x1e", b"\n"),
            (b"[", b",", b"]"),
            (b"[\n  ", b",\n  ", b"\n]\n"),
            (b"[", b"]\n[", b"]"),
        ]
    )
    text = mutated(draw, before + between.join(events) + after, draw.choice([STRUCTURE, PIECES]))
    if draw.random() < 0.1:
        text = BOM + text
    if draw.random() < 0.1:
        text = gzip.compress(text, mtime=0)
        if draw.random() < 0.5:
            text = mutated(draw, text, [b"\0", b"\xff", text])
    return text
