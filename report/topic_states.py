"""The state of every partition of the events topic, counted from its committed records as the consumer counts them."""

from collections.abc import Iterator

from cluster.log_reader import LogReader
from consumer.domain.aggregate import Aggregate
from contract.decode import CHUNK_EVENTS, decode_events
from contract.partitioners import Home, Partitioner


class TopicStates:
    """Counts the records of a topic up to its present end."""

    def __init__(self, reader: LogReader, topic: str, partitioner: Partitioner) -> None:
        self._reader, self._topic = reader, topic
        partitions = reader.partitions(topic)
        self._starts = reader.starts(topic, partitions)
        self._ends = reader.committed_ends(topic, partitions)
        self.states = {
            number: Aggregate(home=Home(partitioner, number, len(partitions)), notes_changes=False)
            for number in partitions
        }
        self.invalid = 0
        """How many records were invalid."""

    @property
    def offsets(self) -> int:
        """How many offsets there are to read."""
        return sum(end - self._starts[number] for number, end in self._ends.items())

    def read(self) -> Iterator[int]:
        """Count all records; yields how many offsets were passed since the last time.

        Raises:
            contract.errors.Retriable: the cluster can't now.
        """
        for number, state in self.states.items():
            at, end = self._starts[number], self._ends[number]
            for records in self._reader.read(self._topic, number, at, end):
                for i in range(0, len(records), CHUNK_EVENTS):
                    some = records[i : i + CHUNK_EVENTS]
                    events, invalid = decode_events([r.value for r in some], [r.key for r in some])
                    misplaced = state.ingest(events)
                    broken = sum(some[at].records for at, _ in invalid)
                    self.invalid += broken + len(misplaced)
                to = records[-1].offset + 1 if records else at
                yield to - at
                at = to
            yield end - at
