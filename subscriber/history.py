"""Snapshots that were: by sequence, by time, and all since a time. ltv.snapshots keeps them for days."""

from collections.abc import Iterator
from datetime import datetime

from cluster.log_reader import LogReader
from contract.errors import Fatal
from contract.topics import Topics
from subscriber.feed import Received, is_snapshot, newest_snapshot, received


def snapshot_of_sequence(reader: LogReader, topics: Topics, sequence: int) -> Received:
    """The snapshot of this sequence, found by halving the log: offsets and sequences grow together.

    Raises:
        Fatal: it is not on the topic (any more, or yet).
    """
    low, high = _bounds(reader, topics)
    while low < high:
        middle = (low + high) // 2
        found = _first_snapshot(reader, topics, middle, high)
        if found is None or found.snapshot.sequence > sequence:
            high = middle
        elif found.snapshot.sequence < sequence:
            low = found.offset + 1
        else:
            return found
    raise Fatal(f"no snapshot {sequence} on {topics.snapshots}: {_kept_sequences(reader, topics)}")


def snapshot_at_time(reader: LogReader, topics: Topics, at: datetime) -> Received:
    """The snapshot that was the newest one at this time, by the broker's clock.

    Raises:
        Fatal: none had come by then, or it is not kept any more.
    """
    end = _offset_after(reader, topics, at)
    found = reader.newest(topics.snapshots, 0, keep=is_snapshot, end=end)
    if not found:
        raise Fatal(
            f"no snapshot of {at.isoformat()} on {topics.snapshots}: {_kept_sequences(reader, topics)}"
        )
    return received(found[0])


def snapshots_since(reader: LogReader, topics: Topics, since: datetime) -> Iterator[Received]:
    """Every snapshot that came after this time, by the broker's clock, up to those that are there now."""
    _, end = _bounds(reader, topics)
    for records in reader.read(topics.snapshots, 0, _offset_after(reader, topics, since), end):
        yield from (received(record) for record in records if is_snapshot(record))


def _bounds(reader: LogReader, topics: Topics) -> tuple[int, int]:
    reader.partitions(topics.snapshots)
    start = reader.starts(topics.snapshots, [0])[0]
    return start, reader.committed_ends(topics.snapshots, [0])[0]


def _offset_after(reader: LogReader, topics: Topics, at: datetime) -> int:
    """The offset of the first record that came after this time; the log's end where none did."""
    _, end = _bounds(reader, topics)
    offset = reader.offset_at_time(topics.snapshots, 0, int(at.timestamp() * 1000) + 1)
    return end if offset is None else min(offset, end)


def _first_snapshot(reader: LogReader, topics: Topics, start: int, end: int) -> Received | None:
    while (record := reader.first_record(topics.snapshots, 0, start, end)) is not None:
        if is_snapshot(record):
            return received(record)
        start = record.offset + 1
    return None


def _kept_sequences(reader: LogReader, topics: Topics) -> str:
    oldest, newest = (
        _first_snapshot(reader, topics, *_bounds(reader, topics)),
        newest_snapshot(reader, topics),
    )
    if oldest is None or newest is None:
        return "there is none yet. Does a consumer run (`ltv consume`)?"
    return (
        f"there are {oldest.snapshot.sequence} of {oldest.snapshot.emitted_at} to "
        f"{newest.snapshot.sequence} of {newest.snapshot.emitted_at}"
    )
