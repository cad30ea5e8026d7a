"""The topic ltv.redriven: which events were redriven, written in the transaction that sends them.

An event is known by the record of its dead letter's headers: topic, partition, offset and timestamp. So an event that a
replay has set aside twice is redriven once, and the offsets of a recreated topic are not mistaken for the former ones.
One mark has the events of one batch. Its key is the first of them, which is in no other mark, because each event is
redriven once; so compaction keeps every mark.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from cluster.log_reader import LogReader
from contract.dead_letters import Origin
from contract.errors import Fatal
from contract.topics import Topics


class RedrivenMark(Struct, frozen=True):
    """These events were redriven."""

    origins: list[tuple[str, int, int, int]]
    """Topic, partition, offset, and timestamp in ms since 1970."""


_decode_mark = msgspec.json.Decoder(RedrivenMark).decode
_TIMESTAMP_BITS = 64


def encode_mark(origins: Sequence[Origin]) -> tuple[bytes, bytes]:
    """Key and value of the mark of these events, of which there is at least one."""
    rows = [(each.topic, each.partition, each.offset, each.timestamp_ms) for each in origins]
    return msgspec.json.encode(rows[0]), msgspec.json.encode(RedrivenMark(rows))


class RedrivenOrigins:
    """The records of the events that were redriven."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], set[int]] = {}
        """Topic and partition -> offsets and timestamps, both in one number: there may be millions."""

    def add(self, origin: Origin) -> None:
        """Add one event."""
        self._known.setdefault((origin.topic, origin.partition), set()).add(_packed(origin))

    def __contains__(self, origin: Origin) -> bool:
        """Whether the event was redriven."""
        return _packed(origin) in self._known.get((origin.topic, origin.partition), ())


def _packed(origin: Origin) -> int:
    return origin.offset << _TIMESTAMP_BITS | origin.timestamp_ms & ((1 << _TIMESTAMP_BITS) - 1)


def read_marks(reader: LogReader, topics: Topics) -> RedrivenOrigins:
    """The events that were redriven; waits until open transactions on ltv.redriven are decided.

    Raises:
        Fatal: a record is no mark.
        Retriable: a transaction stays open.
    """
    redriven = RedrivenOrigins()
    if not reader.exists(topics.redriven):
        return redriven
    start, end = reader.bounds(topics.redriven, [0])[0]
    for records in reader.read(topics.redriven, 0, start, end):
        for record in records:
            try:
                mark = _decode_mark(record.value or b"")
            except msgspec.DecodeError as error:
                raise Fatal(
                    f"{topics.redriven}-0 at offset {record.offset}: not a mark of redriven events ({error}); "
                    "does another program write to the topic?"
                ) from error
            for row in mark.origins:
                redriven.add(Origin(*row))
    return redriven
