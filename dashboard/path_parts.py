"""The kinds of parts that paths have: {name:sequence} and {name:text}; importing this module makes them known."""

from typing import Final

from starlette.convertors import Convertor, register_url_convertor

MOST_SEQUENCE_DIGITS: Final = 15


class SequencePart(Convertor[int]):
    """A snapshot's sequence; it has few enough digits to be exact in JavaScript."""

    regex = f"[0-9]{{1,{MOST_SEQUENCE_DIGITS}}}"

    def convert(self, value: str) -> int:
        """The number."""
        return int(value)

    def to_string(self, value: int) -> str:
        """The digits."""
        return str(value)


class TextPart(Convertor[str]):
    """Any text, which may have slashes and line ends, too."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        """The text."""
        return value

    def to_string(self, value: str) -> str:
        """The text."""
        return value


register_url_convertor("sequence", SequencePart())
register_url_convertor("text", TextPart())


def parse_sequence(text: str) -> int:
    """The sequence in a parameter or a header.

    Raises:
        ValueError: it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_SEQUENCE_DIGITS):
        raise ValueError("give the sequence of a snapshot")
    return int(text)
