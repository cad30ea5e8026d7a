"""Numbers of things in messages: singular and plural agree."""


def counted(number: int, noun: str) -> str:
    """How many of what: "1 event", "2,000 events"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
