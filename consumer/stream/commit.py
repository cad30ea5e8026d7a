"""A commit: everything one step of the consumer does, in one transaction.

1. Take the position, the changes and the partial of every partition that moved.
2. Begin; send changelog rows, partials and dead letters, and the snapshot if one is due.
3. Send the consumed offsets with the membership under which they were read: a zombie is fenced here.
4. Commit. Only now does anything count as done.
5. After a rewrite, delete the changelog records before it; correctness never depends on that.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from consumer.domain.partial import Partial
from consumer.metrics import METRICS
from consumer.stream.partition import Partition
from consumer.stream.restore import check_alone
from consumer.stream.series import encode
from consumer.stream.transport import Clients
from contract.errors import Retriable
from contract.snapshots import Snapshot
from contract.topics import SNAPSHOT_KEY, Topics

log = structlog.get_logger()


def commit(
    partitions: Sequence[Partition],
    clients: Clients,
    topics: Topics,
    snapshot_of: Callable[[Mapping[int, Partial]], Snapshot | None],
) -> tuple[dict[int, Partial], Snapshot | None]:
    """Commit these partitions, at least one; returns their partials and the snapshot, now on their topics.

    Raises:
        Retriable: it did not go through, or it is not known whether it did. The session must end.
        Fatal: another application writes to our topics, too.
    """
    producer = clients.producer
    producer.begin()
    partials: dict[int, Partial] = {}
    written: dict[int, tuple[bool, int, list[Any]]] = {}
    for partition in partitions:
        number = partition.number
        partition.next_offset = clients.consumer.position(number)
        # One a commit: partitions grow alike, and a transaction must not take too long.
        whole = partition.rewrite_due and not any(rewritten for rewritten, *_ in written.values())
        size, sent = 0, []
        for value in partition.changelog_values(whole=whole):
            sent.append(producer.send(topics.changelog, number, value))
            size += len(value)
        METRICS.changelog_bytes.inc(size)
        written[number] = whole, size, sent
        partials[number] = partition.partial()
        producer.send(topics.partials, 0, encode(partials[number]), key=str(number).encode())
        for letter in partition.dead:
            producer.send(topics.dead_letters, number, letter.value, key=letter.key, headers=letter.headers)
    snapshot = snapshot_of(partials)
    if snapshot:
        producer.send(topics.snapshots, 0, encode(snapshot), key=SNAPSHOT_KEY)

    producer.commit({p.number: p.next_offset for p in partitions}, clients.consumer.membership())

    for partition in partitions:
        whole, size, sent = written[partition.number]
        first, last = producer.offset_of(sent[0]), producer.offset_of(sent[-1])
        if first != partition.changelog_end or last != first + len(sent) - 1:
            check_alone(partition, clients.reader, last)
        # The transaction's marker takes one offset after the last record.
        partition.committed(last + 2, size, whole=whole)
        if whole:
            trim(clients, topics, partition.number, first)
    return partials, snapshot


def trim(clients: Clients, topics: Topics, number: int, before_offset: int) -> None:
    """Delete what a rewrite has made superfluous. If it fails, the next rewrite deletes more."""
    try:
        clients.admin.delete_records(topics.changelog, number, before_offset)
    except Retriable as error:
        log.warning("changelog not trimmed", partition=number, before_offset=before_offset, cause=str(error))
