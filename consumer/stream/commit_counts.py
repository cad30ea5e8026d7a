"""What a commit adds to the counters; taken before the commit, which empties the partitions."""

from collections import Counter
from collections.abc import Collection

from consumer.metrics import Metrics
from consumer.stream.partition import Partition


class CommitCounts:
    """The records, events and dead letters of the next commit."""

    def __init__(self, partitions: Collection[Partition]) -> None:
        self.records = sum(partition.uncommitted for partition in partitions)
        self._events: Counter[type] = Counter()
        self._letters: Counter[str] = Counter()
        for partition in partitions:
            self._events.update(partition.event_types)
            for letter in partition.dead:
                self._letters[letter.reason] += letter.records

    def add_to(self, metrics: Metrics) -> None:
        """Add them, once they are committed."""
        metrics.commits.inc()
        metrics.records.inc(self.records)
        for kind, count in self._events.items():
            metrics.events.labels(kind.__struct_config__.tag).inc(count)  # type: ignore[attr-defined]
        for reason, count in self._letters.items():
            metrics.dead_letters.labels(reason).inc(count)
