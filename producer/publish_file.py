"""A file's events to the topic: each is checked first, and sent with its customer id as the key."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from contract.decode import decode_event
from contract.errors import InvalidEvent
from files.format import read_events
from producer.publisher import Publisher, readable_key

CHUNK_EVENTS: Final = 500


def publish_file(
    path: str,
    target: Publisher,
    on_rejected: Callable[[str, int, bytes, InvalidEvent], None],
    *,
    as_is: bool = False,
) -> Iterator[int]:
    """Send the events of one file; yields now and then the bytes read since.

    Args:
        path: the file; "-" is standard input.
        target: where to.
        on_rejected: called for each event that is not sent, with file, line, value and what is wrong: it is
            invalid, or the topic does not take one so large.
        as_is: send every event as it stands, valid or not.
    """
    events = read_events(path)
    while chunk := list(islice(events, CHUNK_EVENTS)):
        for line, value in chunk:
            try:
                target.send(readable_key(value) if as_is else decode_event(value).customer_id.encode(), value)
            except InvalidEvent as error:
                on_rejected(path, line, value, error)
        yield sum(len(value) + 1 for _, value in chunk)
