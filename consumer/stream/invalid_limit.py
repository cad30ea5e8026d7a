"""A limit on invalid events stops the consumer before it moves a whole topic aside.

A wrong topic, or a producer gone mad, is a case for a person.
"""

from typing import Final

from consumer.settings import Settings
from contract import dead_letters as names
from contract.dead_letters import DeadLetter
from contract.errors import Fatal

MIN_RECORDS: Final = 1_000
WINDOW_RECORDS: Final = 10_000


class InvalidLimit:
    """Counts the dead letters of this run against the limits in the settings."""

    def __init__(self, settings: Settings) -> None:
        self._max_count = settings.max_dead_letters
        self._max_ratio = settings.max_dead_letter_ratio
        self._total = 0
        self._records = 0
        self._dead = 0

    def check(self, records: int, dead: list[DeadLetter]) -> None:
        """Count what a commit is about to move past.

        Raises:
            Fatal: over a limit. The commit must not happen: these records stay where they are.
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
    header = dict(dead[-1].headers)
    where = "-".join(header[name].decode() for name in (names.TOPIC, names.PARTITION))
    return (
        f". The last: {where} at offset {header[names.OFFSET].decode()}: {header[names.ERROR].decode()}. "
        "Is it the right topic? If so, raise the limit; nothing of this was committed"
    )
