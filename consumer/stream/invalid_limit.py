"""A limit on invalid events stops the consumer before it turns a whole topic into dead letters.

A person must look: is it the wrong topic, or a broken producer?
"""

from typing import Final

from consumer.settings import Settings
from contract import dead_letters as names
from contract.dead_letters import DeadLetter
from contract.errors import Fatal
from contract.events import BATCH_REASONS, REASONS

MIN_RECORDS: Final = 1_000
WINDOW_RECORDS: Final = 10_000


_SHOWN: Final = (names.TOPIC, names.PARTITION, names.OFFSET, names.REASON, names.FIELD)
"""Not the error's text, which may quote the event: this goes to the log."""
_MEANINGS: Final = {**REASONS, **BATCH_REASONS}


class InvalidLimit:
    """Counts the dead letters of this run against the limits in the settings."""

    def __init__(self, settings: Settings) -> None:
        self._max_count = settings.max_dead_letters
        self._max_ratio = settings.max_dead_letter_ratio
        self._total = 0
        self._records = 0
        self._dead = 0

    def check(self, records: int, dead: list[DeadLetter]) -> None:
        """Count the records of a commit, before it begins.

        Raises:
            Fatal: a limit is exceeded; the commit must not happen.
        """
        self._total += len(dead)
        self._records += records
        self._dead += len(dead)
        if self._max_count is not None and self._total > self._max_count:
            raise Fatal(
                f"{self._total} invalid events, more than --max-dead-letters {self._max_count}{_last(dead)}"
            )
        if self._records >= MIN_RECORDS and self._dead > self._max_ratio * self._records:
            raise Fatal(
                f"{self._dead} of the last {self._records} records are invalid, a larger share than "
                f"--max-dead-letter-ratio {self._max_ratio}{_last(dead)}"
            )
        if self._records >= WINDOW_RECORDS:
            self._records = self._dead = 0


def _last(dead: list[DeadLetter]) -> str:
    if not dead:
        return ""
    header = {name: value.decode() for name, value in dead[-1].headers if name in _SHOWN}
    reason, field = header[names.REASON], header[names.FIELD]
    return (
        f". The last: {header[names.TOPIC]}-{header[names.PARTITION]} at offset {header[names.OFFSET]}: "
        f"{reason}{f' {field}' if field else ''}: {_MEANINGS[reason]}. "
        "Check that the topic is the right one; if so, raise the limit. None of these records was committed"
    )
