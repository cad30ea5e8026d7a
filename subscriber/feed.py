"""Read the newest snapshot of ltv.snapshots, or follow the topic."""

from collections.abc import Iterator
from typing import NamedTuple

from cluster.fetched import Record
from cluster.log_reader import POLL_S, LogReader
from contract.errors import Fatal
from contract.snapshots import NewerSchema, Snapshot, decode_snapshot
from contract.topics import SNAPSHOT_KEY, Topics


class Received(NamedTuple):
    """A snapshot, with the value and offset of its record."""

    snapshot: Snapshot
    value: bytes
    offset: int


def newest_snapshot(reader: LogReader, topics: Topics) -> Received | None:
    """The newest committed snapshot; None if there is none yet.

    Raises:
        Fatal: the topic does not exist, or this program can't read the record.
    """
    reader.partitions(topics.snapshots)
    found = next(filter(is_snapshot, reader.newest_first(topics.snapshots, 0)), None)
    return decode_received(found) if found else None


def follow_snapshots(reader: LogReader, topics: Topics, poll_s: float = POLL_S) -> Iterator[Received | None]:
    """Yield the newest snapshot, then each new one, without end; None after each `poll_s` without a snapshot."""
    newest = newest_snapshot(reader, topics)
    # Snapshots committed from now on have offsets at or after the end.
    start = newest.offset if newest else reader.committed_ends(topics.snapshots, [0])[0]
    reader.follow({(topics.snapshots, 0): start})
    while True:
        records = [record for record in reader.poll(poll_s) if is_snapshot(record)]
        yield from map(decode_received, records)
        if not records:
            yield None


def is_snapshot(record: Record) -> bool:
    """Whether the record has the key of a snapshot, and a value."""
    return record.key == SNAPSHOT_KEY and record.value is not None


def decode_received(record: Record) -> Received:
    """Decode the record of a snapshot.

    Raises:
        Fatal: the value is no snapshot, or its schema version is newer than this program's.
    """
    value = record.value or b""
    where = f"{record.topic}-{record.partition} at offset {record.offset}"
    try:
        return Received(decode_snapshot(value), value, record.offset)
    except NewerSchema as error:
        raise Fatal(f"{where}: {error}") from error
    except ValueError as error:
        raise Fatal(
            f"{where}: this is no snapshot ({error}). Does another application write to the topic?"
        ) from error
