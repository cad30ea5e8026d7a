"""What subscribers of ltv.snapshots do: take the newest snapshot, or each as it comes."""

from collections.abc import Iterator
from typing import NamedTuple

from cluster.log_reader import POLL_S, LogReader, Record
from contract.errors import Fatal
from contract.snapshots import SCHEMA_VERSION, NewerSchema, Snapshot, decode_snapshot
from contract.topics import SNAPSHOT_KEY, Topics


class Received(NamedTuple):
    """A snapshot, and its record's value as it stood on the topic."""

    snapshot: Snapshot
    value: bytes
    offset: int


def newest_snapshot(reader: LogReader, topics: Topics) -> Received | None:
    """The newest committed snapshot; None where there is none yet.

    Raises:
        Fatal: no such topic, or the record is no snapshot that this program knows.
    """
    reader.partitions(topics.snapshots)
    found = reader.newest(topics.snapshots, 0, keep=is_snapshot)
    return received(found[0]) if found else None


def follow_snapshots(reader: LogReader, topics: Topics, poll_s: float = POLL_S) -> Iterator[Received | None]:
    """The newest snapshot, then each as it comes, without end; None whenever nothing came for `poll_s`."""
    newest = newest_snapshot(reader, topics)
    # Whatever is committed from now on lies at or after the end.
    start = newest.offset if newest else reader.committed_ends(topics.snapshots, [0])[0]
    reader.follow({(topics.snapshots, 0): start})
    while True:
        records = [record for record in reader.poll(poll_s) if is_snapshot(record)]
        yield from map(received, records)
        if not records:
            yield None


def is_snapshot(record: Record) -> bool:
    """Whether it is one by its key."""
    return record.key == SNAPSHOT_KEY and record.value is not None


def received(record: Record) -> Received:
    """Decode a snapshot's record.

    Raises:
        Fatal: it is no snapshot that this program knows.
    """
    value = record.value or b""
    where = f"{record.topic}-{record.partition} at offset {record.offset}"
    try:
        return Received(decode_snapshot(value), value, record.offset)
    except NewerSchema as error:
        raise Fatal(
            f"{where}: a snapshot of schema version {error.version}; this program knows up to "
            f"{SCHEMA_VERSION}: install a newer one"
        ) from error
    except ValueError as error:
        raise Fatal(
            f"{where}: this is no snapshot ({error}). Does something else write to the topic?"
        ) from error
