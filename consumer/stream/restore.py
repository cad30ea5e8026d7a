"""Restore: read a partition's changelog, committed records only, up to its high watermark at the assignment.

The high watermark includes the records of an open transaction, so restore waits until the last owner's transaction is
decided: it then has the newest committed state and position.
"""

from collections.abc import Iterator

from cluster.errors import topic_recreated
from cluster.fetched import Record
from consumer.domain.state import Restored
from consumer.settings import Settings
from consumer.stream.partition import Partition
from consumer.stream.transport import StateReader
from contract.changelog import Position, unpack
from contract.errors import Fatal


def restore(partition: Partition, reader: StateReader, settings: Settings) -> Iterator[int]:
    """Fill the partition from its changelog; yields after each step, with the number of rows, so that others can work.

    Afterwards `partition.next_offset` is the next input offset, and the sizes that decide on a rewrite are set.

    Raises:
        Fatal: the changelog belongs to another group or a newer program, or does not fit the events topic.
    """
    changelog, number = settings.topics.changelog, partition.number
    partition.topic_id = reader.topic_id(settings.topics.events)
    start, end = reader.bounds(changelog, [number])[number]
    position: Position | None = None
    sizes = _Sizes()
    partition.restore_records_left = end - start
    for records in reader.read(changelog, number, start, end):
        rows = 0
        for record in records:
            restored = _restored(partition, record, changelog)
            if not sizes.have_begun and start > 0 and restored.part != 1:
                raise _state_lost(partition, settings, f"begins at offset {start} without a whole table")
            sizes.note(restored, len(record.value or b""))
            if restored.position:
                _check_owner(restored.position, partition, settings)
            if restored.empties:
                partition.begin_anew()
            rows += restored.rows
            position = restored.position or position
            partition.restore_records_left = end - record.offset - 1
        yield rows
    if start > 0 and not sizes.table_is_complete:
        raise _state_lost(partition, settings, f"begins at offset {start} with a part of a table")
    partition.table_bytes, partition.appended_bytes = sizes.table_bytes, sizes.appended_bytes
    partition.changelog_end = end
    first, last = reader.bounds(settings.topics.events, [number])[number]
    if position is None:
        committed = reader.committed_offset(settings.group, settings.topics.events, number)
        if committed is not None and committed > first:
            raise _state_lost(
                partition, settings, f"is empty, but the group has committed offset {committed}"
            )
        partition.next_offset = first
    else:
        partition.next_offset = position.next_offset
        partition.dead_letter_count = position.dead_letters
        partition.dead_run.length = position.consecutive_dead_letters
        if position.partitioner != settings.partitioner:
            partition.placement.check_restored(partition.state.misplaced(), settings.topics.events)
        partition.placement.note_customers(partition.state.totals().customers)
        _check_events_are_there(partition, first, last, settings)
    partition.state.restored(position)


class _Sizes:
    """The sizes that decide on a rewrite, as of the records read."""

    def __init__(self) -> None:
        self.have_begun = False
        self.table_bytes = 0
        """Bytes of the rows of the last complete rewrite."""
        self.appended_bytes = 0
        """Bytes of the other records since its first one, those of unfinished rewrites included."""
        self.table_is_complete = False
        """A complete rewrite was read."""
        self._part_bytes = 0
        """Bytes of the rows of the rewrite that was read last."""
        self._since_bytes = 0
        """Bytes of all records since its first one."""
        self._in_first_part = False
        """The last record belongs to the commit of a rewrite's first part."""

    def note(self, record: Restored, size_bytes: int) -> None:
        """Note the next record."""
        self.have_begun = True
        if record.part == 1 and not self._in_first_part:
            self._part_bytes = self._since_bytes = 0
            self._in_first_part = True
        if record.position:
            self._in_first_part = False
        self._since_bytes += size_bytes
        self.appended_bytes += size_bytes
        if record.part:
            self._part_bytes += size_bytes
        if record.completes:
            self.table_is_complete = True
            self.table_bytes = self._part_bytes
            self.appended_bytes = self._since_bytes - self._part_bytes


def _restored(partition: Partition, record: Record, changelog: str) -> Restored:
    try:
        return partition.state.restore(record.value or b"")
    except Fatal as error:
        raise Fatal(f"{changelog}-{record.partition} at offset {record.offset}: {error}") from None


def check_alone(partition: Partition, reader: StateReader, before_offset: int) -> None:
    """Check who else has written to the partition's changelog since our last commit; mostly an aborted transaction.

    Raises:
        Fatal: another application has, with the same prefix.
    """
    changelog = partition.settings.topics.changelog
    # If two transactions overlapped, the other's record may be at the offset where we expected our marker.
    since = max(0, partition.changelog_end - 1)
    for records in reader.read(changelog, partition.number, since, before_offset):
        for record in records:
            position = unpack(record.value or b"").position
            if position:
                _check_owner(position, partition, partition.settings)


def _check_owner(position: Position, partition: Partition, settings: Settings) -> None:
    """Every position in the changelog must be ours: two applications may have written to it in turn."""
    if position.group != settings.group:
        raise Fatal(
            f"{settings.topics.changelog} belongs to group {position.group!r}, this consumer is of group "
            f"{settings.group!r}: two applications need two prefixes (--prefix), or give the same --group"
        )
    if position.topic_id and partition.topic_id and position.topic_id != partition.topic_id:
        raise Fatal(topic_recreated(settings.topics.events))


def _state_lost(partition: Partition, settings: Settings, what: str) -> Fatal:
    return Fatal(
        f"{settings.topics.changelog}-{partition.number} {what}: state was deleted, and the rest is not exact. "
        "To count all events that are still on the topic: ltv reset --to-earliest, or a new --prefix and --group"
    )


def _check_events_are_there(partition: Partition, first: int, last: int, settings: Settings) -> None:
    where = f"{settings.topics.events}-{partition.number}"
    if partition.next_offset > last:
        raise Fatal(
            f"{where} ends at offset {last}, but events up to {partition.next_offset} were ingested: was the topic "
            "deleted and recreated? To count its events from the start: ltv reset --to-earliest, or a new --prefix "
            "and --group"
        )
    if partition.next_offset < first:
        raise Fatal(
            f"{where} begins at offset {first}, but events from {partition.next_offset} on are not ingested yet: "
            "they were deleted before they were read. The figures can't be exact without them; to count the events "
            "that are still on the topic: ltv reset --to-earliest, or a new --prefix and --group; and a longer "
            "retention"
        )
