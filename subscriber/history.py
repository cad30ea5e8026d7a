"""Earlier snapshots: by sequence, by time, or all since a time. ltv.snapshots keeps snapshots for days."""

from collections.abc import Iterator
from datetime import datetime

from cluster.log_reader import LogReader
from contract.errors import Fatal
from contract.topics import Topics
from subscriber.feed import Received, decode_received, is_snapshot, newest_snapshot


class NoSuchSnapshot(Fatal):
    """The snapshot is not on the topic: not yet, or deleted."""


def snapshot_of_sequence(reader: LogReader, topics: Topics, sequence: int) -> Received:
    """The snapshot with this sequence.

    Raises:
        NoSuchSnapshot: the snapshot is not on the topic (not yet, or deleted).
    """
    _, end = snapshot_offsets(reader, topics)
    found = first_snapshot(reader, topics, offset_of_sequence(reader, topics, sequence), end)
    if found is None or found.snapshot.sequence != sequence:
        raise NoSuchSnapshot(f"no snapshot {sequence} on {topics.snapshots}: {_kept_range(reader, topics)}")
    return found


def offset_of_sequence(reader: LogReader, topics: Topics, sequence: int) -> int:
    """An offset before which all sequences are lower, and from which none is; by binary search, for both increase."""
    low, high = snapshot_offsets(reader, topics)
    while low < high:
        middle = (low + high) // 2
        found = first_snapshot(reader, topics, middle, high)
        if found is None or found.snapshot.sequence >= sequence:
            high = middle
        else:
            low = found.offset + 1
    return low


def snapshot_at_time(reader: LogReader, topics: Topics, at: datetime) -> Received:
    """The snapshot that was the newest at this time, by the broker's clock.

    Raises:
        NoSuchSnapshot: there was no snapshot yet at this time, or it is deleted.
    """
    end = offset_after(reader, topics, at)
    found = next(filter(is_snapshot, reader.newest_first(topics.snapshots, 0, end)), None)
    if not found:
        raise NoSuchSnapshot(
            f"no snapshot at {at.isoformat()} on {topics.snapshots}: {_kept_range(reader, topics)}"
        )
    return decode_received(found)


def snapshots_since(reader: LogReader, topics: Topics, since: datetime) -> Iterator[Received]:
    """Yield every snapshot emitted after this time, by the broker's clock, up to the newest one when reading begins."""
    _, end = snapshot_offsets(reader, topics)
    for records in reader.read(topics.snapshots, 0, offset_after(reader, topics, since), end):
        yield from (decode_received(record) for record in records if is_snapshot(record))


def snapshot_offsets(reader: LogReader, topics: Topics) -> tuple[int, int]:
    """The first offset of the topic of the snapshots, and its end for readers of committed records.

    Raises:
        Fatal: the topic does not exist.
    """
    reader.partitions(topics.snapshots)
    start = reader.starts(topics.snapshots, [0])[0]
    return start, reader.committed_ends(topics.snapshots, [0])[0]


def offset_after(reader: LogReader, topics: Topics, at: datetime) -> int:
    """The offset of the first record after this time; the log's end if there is none."""
    _, end = snapshot_offsets(reader, topics)
    offset = reader.offset_at_time(topics.snapshots, 0, int(at.timestamp() * 1000) + 1)
    return end if offset is None else min(offset, end)


def first_snapshot(reader: LogReader, topics: Topics, start: int, end: int) -> Received | None:
    """The first snapshot from the offset `start` on; None if there is none before `end`."""
    while (record := reader.first_record(topics.snapshots, 0, start, end)) is not None:
        if is_snapshot(record):
            return decode_received(record)
        start = record.offset + 1
    return None


def _kept_range(reader: LogReader, topics: Topics) -> str:
    oldest = first_snapshot(reader, topics, *snapshot_offsets(reader, topics))
    newest = newest_snapshot(reader, topics)
    if oldest is None or newest is None:
        return "the topic has no snapshot yet. Is a consumer running (`ltv consume`)?"
    return (
        f"the topic has snapshots {oldest.snapshot.sequence} ({oldest.snapshot.emitted_at}) to "
        f"{newest.snapshot.sequence} ({newest.snapshot.emitted_at})"
    )
