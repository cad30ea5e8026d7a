"""Restore: read a partition's changelog, committed records only, up to its high watermark at the assignment.

The high watermark counts what an open transaction has written, so restore waits until the last owner's
transaction is decided: state and position are then the newest there can be.
"""

from collections.abc import Iterator

from consumer.settings import Settings
from consumer.stream.changelog import Position, apply_rows, unpack
from consumer.stream.partition import Partition
from consumer.stream.transport import LogReader
from contract.errors import Fatal


def restore(partition: Partition, reader: LogReader, settings: Settings) -> Iterator[int]:
    """Fill the partition from its changelog; yields the rows of each step, often enough to see to other work.

    Afterwards `partition.next_offset` is where to go on reading events, and what was trimmed or rewritten is known.

    Raises:
        Fatal: the changelog belongs to another group or a newer program, or does not fit the events topic.
    """
    changelog, number = settings.topics.changelog, partition.number
    start, end = reader.bounds(changelog, [number])[number]
    position: Position | None = None
    rewrite_bytes = 0
    for records in reader.read(changelog, number, start, end):
        rows = 0
        for offset, _, value in records:
            try:
                unpacked = unpack(value or b"")
            except Fatal as error:
                raise Fatal(f"{changelog}-{number} at offset {offset}: {error}") from None
            rows += apply_rows(partition.aggregate, unpacked.rows)
            position = unpacked.position or position
            size = len(value or b"")
            if unpacked.whole:
                rewrite_bytes += size
                if unpacked.position:
                    partition.table_bytes, partition.appended_bytes, rewrite_bytes = rewrite_bytes, 0, 0
            else:
                partition.appended_bytes += size
        yield rows
    partition.changelog_end = end
    first, last = reader.bounds(settings.topics.events, [number])[number]
    if position is None:
        partition.next_offset = first
    else:
        _take_over(partition, position, settings)
        _check_events_are_there(partition, first, last, settings)
    partition.aggregate.take_changes()
    partition.top.update(partition.aggregate, partition.aggregate.customers.values())


def _take_over(partition: Partition, position: Position, settings: Settings) -> None:
    if position.group != settings.group:
        raise Fatal(
            f"{settings.topics.changelog} belongs to group {position.group!r}, this consumer is of group "
            f"{settings.group!r}: two applications need two prefixes (--prefix), or give the same --group"
        )
    partition.next_offset = position.next_offset
    partition.dead_letter_count = position.dead_letters
    aggregate = partition.aggregate
    aggregate.events = position.events
    aggregate.time_min, aggregate.time_max = position.time_min, position.time_max


def _check_events_are_there(partition: Partition, first: int, last: int, settings: Settings) -> None:
    where = f"{settings.topics.events}-{partition.number}"
    if partition.next_offset > last:
        raise Fatal(
            f"{where} ends at offset {last}, but events up to {partition.next_offset} were ingested: was the topic "
            "deleted and made anew? To count its events from the start, use a new --prefix and --group"
        )
    if partition.next_offset < first:
        raise Fatal(
            f"{where} begins at offset {first}, but events from {partition.next_offset} on are not ingested yet: "
            "they were deleted before they were read. The figures can't be exact without them; to count what is "
            "there from the start, use a new --prefix and --group, and a longer retention"
        )
