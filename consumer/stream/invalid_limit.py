"""Limits on dead letters stop the consumer before it sets a whole topic aside.

A person must look: is it the wrong topic, or a broken producer? Nothing of the commit that would pass a limit is
written, so the next run reads the same records, valid ones too. The number and the share are of what one process
committed, over its sessions: a process that is started again counts from 0, and the share of a few records does not
stop it. The run of consecutive ones is of the partition, over restarts: a supervisor that starts the consumer again
and again moves none past it. A batch that can't be read counts as all its records.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from consumer.settings import Settings
from consumer.stream.partition import Partition
from contract import dead_letters as names
from contract.dead_letters import DeadLetter
from contract.errors import Fatal
from contract.events import BATCH_REASONS, REASONS

MIN_RECORDS: Final = 1_000
WINDOW_RECORDS: Final = 10_000


_SHOWN: Final = (names.TOPIC, names.PARTITION, names.OFFSET, names.REASON, names.FIELD, names.TIMESTAMP)
"""Not the error's text, which may quote the event: this goes to the log."""
_MEANINGS: Final = {**REASONS, **BATCH_REASONS}


@dataclass(frozen=True)
class _Counts:
    """What the limits look at."""

    total: Counter[str] = field(default_factory=Counter)
    """Reason -> invalid records."""
    window: Counter[str] = field(default_factory=Counter)
    """The same of the window, the last records."""
    records: int = 0
    """The number of records of the window."""

    def with_commit(self, records: int, dead: list[DeadLetter]) -> "_Counts":
        """These counts, and those of a commit."""
        more = invalid_by_reason(dead)
        return _Counts(self.total + more, self.window + more, self.records + records)


def invalid_by_reason(dead: Iterable[DeadLetter]) -> Counter[str]:
    """Reason -> the records that these dead letters stand for."""
    found: Counter[str] = Counter()
    for letter in dead:
        found[letter.reason] += letter.records
    return found


class InvalidLimit:
    """Counts the invalid records of a process against the limits in the settings."""

    def __init__(self, settings: Settings) -> None:
        self._max_count = settings.max_dead_letters
        self._max_ratio = settings.max_dead_letter_ratio
        self._max_run = settings.max_consecutive_dead_letters
        self._committed = _Counts()
        self._next = _Counts()
        """As of the commit that was checked last."""

    def check(self, records: int, dead: list[DeadLetter]) -> None:
        """Look at the records of a commit, before it begins.

        Raises:
            Fatal: the number or the share is exceeded; the commit must not happen.
        """
        counts = self._next = self._committed.with_commit(records, dead)
        total, share = counts.total.total(), counts.window.total()
        if self._max_count is not None and total > self._max_count:
            raise Fatal(
                f"{total} invalid events, more than --max-dead-letters {self._max_count}"
                f"{_why(counts.total, dead, 'without --max-dead-letters')}"
            )
        if counts.records >= MIN_RECORDS and share > self._max_ratio * counts.records:
            raise Fatal(
                f"{share} of the last {counts.records} records are invalid, a larger share than "
                f"--max-dead-letter-ratio {self._max_ratio}"
                f"{_why(counts.window, dead, 'with --max-dead-letter-ratio 1')}"
            )

    def committed(self) -> None:
        """Count the records of the commit that was checked last: it succeeded."""
        counts = self._next
        self._committed = counts if counts.records < WINDOW_RECORDS else _Counts(counts.total)

    def check_run(self, partition: Partition) -> None:
        """Look at the partition's consecutive dead letters, before a commit begins.

        Raises:
            Fatal: there are too many of them; the commit must not happen.
        """
        longest = partition.dead_run.longest
        if self._max_run is not None and longest > self._max_run:
            reasons = invalid_by_reason(partition.dead)
            raise Fatal(
                f"{longest} invalid events follow each other, more than --max-consecutive-dead-letters "
                f"{self._max_run}{_why(reasons, partition.dead, 'without --max-consecutive-dead-letters')}"
            )


def _why(reasons: Counter[str], dead: list[DeadLetter], passes: str) -> str:
    """The reasons with their numbers, the newest dead letter, and what to do."""
    histogram = ", ".join(f"{reason} {number}" for reason, number in reasons.most_common())
    return (
        f" ({histogram}).{_newest(dead)} None of the last commit's records was committed, and the next run stops here, "
        "too. Is it the right topic? If so, mend the producer, then let these pass: start the consumer once "
        f"{passes}; `ltv dead-letters redrive` sends them back later"
    )


def _newest(dead: list[DeadLetter]) -> str:
    if not dead:
        return ""
    headers = [{name: value.decode() for name, value in each.headers if name in _SHOWN} for each in dead]
    newest = max(reversed(headers), key=lambda header: int(header[names.TIMESTAMP]))
    reason, field = newest[names.REASON], newest[names.FIELD]
    return (
        f" The newest: {newest[names.TOPIC]}-{newest[names.PARTITION]} at offset {newest[names.OFFSET]}: "
        f"{reason}{f' {field}' if field else ''}: {_MEANINGS[reason]}."
    )
