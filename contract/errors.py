"""The three kinds of errors: an invalid event, retriable, and fatal; and numbers in message texts."""

from collections.abc import Sequence
from typing import Final

MAX_DETAIL_CHARS: Final = 300


class LtvError(Exception):
    """The base class of this project's errors."""


class InvalidEvent(LtvError):
    """An event breaks the contract. It goes to the dead letters or the rejects file; the program goes on.

    Attributes:
        reason: one of `contract.events.REASONS`; stable, for counting.
        field: the invalid field, or "" if the whole event is invalid.
        detail: the explanation, for a producer's developer.
    """

    def __init__(self, reason: str, field: str, detail: str) -> None:
        if len(detail) > MAX_DETAIL_CHARS:
            detail = detail[: MAX_DETAIL_CHARS - 3] + "..."
        super().__init__(f"{field}: {detail}" if field else detail)
        self.reason = reason
        self.field = field
        self.detail = detail


class Retriable(LtvError):
    """The cluster can't do it now. The caller tries again, with backoff; nothing is lost."""


class Fatal(LtvError):
    """Going on would be wrong or useless. The text is one line, cause and remedy; the process exits non-zero.

    Attributes:
        details: lines to show below the text, such as the end of a log.
    """

    def __init__(self, text: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.details = details


def counted(number: int, noun: str) -> str:
    """A number and its noun, singular or plural: "1 event", "2,000 events"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
