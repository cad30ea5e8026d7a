"""Three kinds of trouble, told apart everywhere: bad input, retriable, and fatal (ours or the set-up's)."""

from typing import Final

MAX_DETAIL_CHARS: Final = 300


class LtvError(Exception):
    """Base of every error this project raises on purpose."""


class InvalidEvent(LtvError):
    """An event breaks the contract. It is set aside (dead letter, rejects file); nothing stops for it.

    Attributes:
        reason: a short stable word, one of `contract.events.REASONS`; counted by it.
        field: the field at fault, or "" where the whole event is.
        detail: why, in plain words; the text a producer's developer reads.
    """

    def __init__(self, reason: str, field: str, detail: str) -> None:
        if len(detail) > MAX_DETAIL_CHARS:
            detail = detail[: MAX_DETAIL_CHARS - 3] + "..."
        super().__init__(f"{field}: {detail}" if field else detail)
        self.reason = reason
        self.field = field
        self.detail = detail


class Retriable(LtvError):
    """The cluster can't do it now. Try again with backoff; nothing is lost."""


class Fatal(LtvError):
    """Going on would be wrong or useless. One line of cause and remedy; the process exits non-zero."""
