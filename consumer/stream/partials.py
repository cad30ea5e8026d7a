"""The newest known partial of every partition: what the snapshot of the whole topic is merged from."""

from collections.abc import Mapping

import msgspec

from consumer.domain.partial import Partial
from consumer.stream.transport import StateReader
from contract.topics import Topics

_decode_partial = msgspec.json.Decoder(Partial).decode


class Partials:
    """The newest known partial of every partition. What is known never goes back."""

    def __init__(self, topics: Topics, reader: StateReader) -> None:
        self._topic = topics.partials
        self._reader = reader
        self._read_to = 0
        self.known: dict[int, Partial] = {}

    def catch_up(self, *, wait: bool = False) -> None:
        """Read what has been committed to ltv.partials since the last call.

        Committed records behind an open transaction are not to be had yet; `wait` until it is decided. A new owner
        of the series must, for the last snapshot may count them.
        """
        start, end = self._reader.bounds(self._topic, [0])[0]
        if not wait:
            end = self._reader.committed_ends(self._topic, [0])[0]
        for records in self._reader.read(self._topic, 0, max(start, self._read_to), end):
            for record in records:
                if record.key is not None and record.value is not None:
                    self.put({int(record.key): _decode_partial(record.value)})
        self._read_to = max(end, self._read_to)

    def put(self, partials: Mapping[int, Partial]) -> None:
        """Take in partials that are committed."""
        for partition, partial in partials.items():
            known = self.known.get(partition)
            if known is None or partial.next_offset >= known.next_offset:
                self.known[partition] = partial
