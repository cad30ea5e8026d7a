"""The original event of a dead letter as one line of a file."""

from cluster.fetched import Record
from contract import dead_letters as names


def event_line(letter: Record) -> bytes | None:
    """The event's bytes without a line end; None if they are cut, empty, several lines, or a whole batch."""
    value = letter.value
    if not value or b"\n" in value or b"\r" in value:
        return None
    named = {name for name, _ in letter.headers}
    return None if named & {names.RECORDS, names.TRUNCATED_FROM} else value
