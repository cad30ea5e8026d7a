"""Ends the reading of an input that has no events: a device, a pipe without line ends, a compressed file of blanks."""

from typing import Final

from contract.errors import Fatal

MAX_GAP_BYTES: Final = 16 * 1024 * 1024
"""The next event must end within this many bytes: 16 times the largest event, to get past one that is too large."""


class EventGap:
    """The bytes of one input, uncompressed, since its last event."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._bytes = 0
        self._event_at = 0

    def add(self, count: int) -> None:
        """These bytes were read.

        Raises:
            Fatal: no event has ended within MAX_GAP_BYTES.
        """
        self._bytes += count
        if self._bytes - self._event_at > MAX_GAP_BYTES:
            raise Fatal(
                f"{self._name}: no event ends in the {MAX_GAP_BYTES // 1024**2} MiB after byte {self._event_at:,} of "
                "the uncompressed input; give a file with one event a line, or with a JSON array of events"
            )

    def end(self) -> None:
        """An event has ended."""
        self._event_at = self._bytes
