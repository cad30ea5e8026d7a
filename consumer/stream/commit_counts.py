"""What a commit adds to the counters; taken before the commit, which empties the partitions."""

from collections import Counter
from collections.abc import Collection

from consumer.metrics import Metrics
from consumer.stream.invalid_limit import invalid_by_reason
from consumer.stream.partition import Partition


class CommitCounts:
    """The records, events and dead letters of the next commit."""

    def __init__(self, partitions: Collection[Partition]) -> None:
        self.records = sum(partition.uncommitted for partition in partitions)
        self._events: Counter[type] = Counter()
        for partition in partitions:
            self._events.update(partition.event_types)
        self._invalid = invalid_by_reason(letter for partition in partitions for letter in partition.dead)

    def add_to(self, metrics: Metrics) -> None:
        """Add them, once they are committed."""
        metrics.commits.inc()
        metrics.records.inc(self.records)
        for kind, count in self._events.items():
            metrics.events.labels(kind.__struct_config__.tag).inc(count)  # type: ignore[attr-defined]
        for reason, count in self._invalid.items():
            metrics.dead_letters.labels(reason).inc(count)
