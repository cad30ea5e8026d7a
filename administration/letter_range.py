"""The dead letters that are there at one moment, oldest first, partition by partition."""

from collections.abc import Iterator

from administration.redriven_event import LetterFilter
from cluster.fetched import Record
from cluster.log_reader import LogReader


class LetterRange:
    """The committed dead letters of a topic, from a time on, up to the topic's end at the beginning."""

    def __init__(
        self, reader: LogReader, topic: str, chosen: LetterFilter, since_ms: int | None = None
    ) -> None:
        """Find out where to begin and to end.

        Args:
            reader: of the cluster.
            topic: of the dead letters.
            chosen: only these letters.
            since_ms: only letters set aside at this time or later, ms since 1970; None: all.

        Raises:
            Fatal: there is no such topic.
        """
        self._reader = reader
        self._topic = topic
        self._chosen = chosen
        partitions = reader.partitions(topic)
        self.ends = reader.committed_ends(topic, partitions)
        """Partition -> the offset after its last dead letter."""
        self.starts = reader.starts(topic, partitions)
        """Partition -> the offset of its first dead letter."""
        if since_ms is not None:
            for number in partitions:
                since = reader.offset_at_time(topic, number, since_ms)
                self.starts[number] = self.ends[number] if since is None else since

    def letters(self) -> Iterator[Record]:
        """Yield all of them."""
        for number, start in self.starts.items():
            yield from self.letters_from(number, start)

    def letters_from(self, partition: int, start: int) -> Iterator[Record]:
        """Yield those of a partition from an offset on."""
        for records in self._reader.read(self._topic, partition, start, self.ends[partition]):
            for record in records:
                if self._chosen.matches(record):
                    yield record
