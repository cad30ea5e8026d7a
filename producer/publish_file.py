"""Sends a file's events to the topic: checks each first, and sends it with its customer id as the key."""

from collections.abc import Callable, Iterator

from contract.customer_key import readable_key
from contract.decode import chunks, decode_event
from contract.errors import InvalidEvent
from files.format import read_events
from producer.publisher import Publisher


def publish_file(
    path: str,
    target: Publisher,
    on_rejected: Callable[[str, int, bytes, InvalidEvent], None],
    *,
    as_is: bool = False,
) -> Iterator[int]:
    """Send the events of one file; yields the bytes of each chunk of events.

    Args:
        path: the file; "-" is standard input.
        target: sends the events.
        on_rejected: called for each event that is not sent, with file, line, value and error: it is invalid, or larger
            than the topic allows.
        as_is: send every event unchecked.
    """
    for chunk in chunks(read_events(path)):
        for line, value in chunk:
            try:
                target.send(readable_key(value) if as_is else decode_event(value).customer_id.encode(), value)
            except InvalidEvent as error:
                on_rejected(path, line, value, error)
        yield sum(len(value) + 1 for _, value in chunk)
