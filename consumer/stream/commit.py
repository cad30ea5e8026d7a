"""A commit: all results of one commit interval, in one transaction.

1. Begin; note each partition's next input offset.
2. Write each partition's changes and position to the changelog; of one partition, if a rewrite is due, also the next
   part of its table.
3. Write its partial and its dead letters.
4. Write the snapshot, if one is due, and the new state of the series.
5. Commit, with the consumed offsets and the membership under which they were read: a zombie is fenced here.
6. Check whether another member has written to the changelog.
7. After the last part of a rewrite, delete the changelog records before it; correctness does not depend on that.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from consumer.domain.partial import Partial
from consumer.metrics import Metrics
from consumer.stream.partials import SERIES_KEY, SeriesState, encode
from consumer.stream.partition import Partition
from consumer.stream.restore import check_alone
from consumer.stream.transport import Clients, TransactionalProducer
from contract.errors import Retriable
from contract.snapshots import Snapshot
from contract.topics import SNAPSHOT_KEY, Topics

log = structlog.get_logger()


@dataclass
class _Written:
    """One partition's changelog records in the transaction at hand."""

    sent: list[Any] = field(default_factory=list)
    size_bytes: int = 0


def commit(
    partitions: Sequence[Partition],
    clients: Clients,
    topics: Topics,
    metrics: Metrics,
    snapshot_of: Callable[[Mapping[int, Partial]], Snapshot | None],
    unread: Collection[int] = (),
) -> tuple[dict[int, Partial], Snapshot | None]:
    """Commit these partitions, at least one; returns their partials and the snapshot, which are committed now.

    Args:
        partitions: what to commit.
        clients: of the session.
        topics: the topics' names.
        metrics: of the worker.
        snapshot_of: makes the snapshot from these partitions' partials; None if none is due.
        unread: the partitions of which polled records are not ingested yet: the client's position is beyond these.

    Raises:
        Retriable: the commit failed, or its outcome is not known. The session must end.
        Fatal: another application writes to our topics.
    """
    producer = clients.producer
    producer.begin()  # 1
    for partition in partitions:
        if partition.number not in unread:
            partition.next_offset = clients.consumer.position(partition.number)
    to_rewrite = _to_rewrite(partitions)
    written = {  # 2
        partition.number: _write_changes(
            partition, producer, topics.changelog, rewrites=partition is to_rewrite
        )
        for partition in partitions
    }
    partials = {partition.number: partition.partial() for partition in partitions}
    for partition in partitions:  # 3
        _write_partial(partition, partials[partition.number], producer, topics)
    snapshot = snapshot_of(partials)  # 4
    if snapshot:
        producer.send(topics.snapshots, 0, encode(snapshot), key=SNAPSHOT_KEY)
        producer.send(topics.partials, 0, encode(SeriesState.after(snapshot)), key=SERIES_KEY)

    offsets = {partition.number: partition.next_offset for partition in partitions}
    producer.commit(offsets, clients.consumer.membership())  # 5

    for partition in partitions:
        if _after_commit(partition, written[partition.number], clients, topics):  # 6, 7
            metrics.changelog_rewrites.inc()
    metrics.changelog_bytes.inc(sum(each.size_bytes for each in written.values()))
    return partials, snapshot


def _to_rewrite(partitions: Sequence[Partition]) -> Partition | None:
    """The partition whose table is written: one at a time, for rewrites of many partitions fall due together."""
    begun = next((partition for partition in partitions if partition.rewrite), None)
    return begun or next((partition for partition in partitions if partition.rewrite_due), None)


def _write_changes(
    partition: Partition, producer: TransactionalProducer, changelog: str, *, rewrites: bool
) -> _Written:
    written = _Written()

    def send(value: bytes) -> None:
        written.sent.append(producer.send(changelog, partition.number, value))
        written.size_bytes += len(value)

    partition.write_changes(send, rewrites=rewrites)
    return written


def _write_partial(
    partition: Partition, partial: Partial, producer: TransactionalProducer, topics: Topics
) -> None:
    producer.send(topics.partials, 0, encode(partial), key=str(partition.number).encode())
    for letter in partition.dead:
        producer.send(
            topics.dead_letters, partition.number, letter.value, key=letter.key, headers=letter.headers
        )


def _after_commit(partition: Partition, written: _Written, clients: Clients, topics: Topics) -> bool:
    """Returns whether a rewrite is complete."""
    first, last = clients.producer.offset_of(written.sent[0]), clients.producer.offset_of(written.sent[-1])
    if first != partition.changelog_end or last != first + len(written.sent) - 1:
        check_alone(partition, clients.reader, last)
    # The transaction's marker takes one offset after the last record.
    needed_from = partition.committed(first, last + 2, written.size_bytes)
    if needed_from is None:
        return False
    _trim(clients, topics, partition.number, needed_from)
    return True


def _trim(clients: Clients, topics: Topics, number: int, before_offset: int) -> None:
    """Delete the records that a rewrite has replaced. If the deletion fails, the next rewrite deletes them too."""
    try:
        clients.admin.delete_records(topics.changelog, number, before_offset)
    except Retriable as error:
        log.warning("changelog not trimmed", partition=number, before_offset=before_offset, cause=str(error))
