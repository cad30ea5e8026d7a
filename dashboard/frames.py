"""A snapshot as it is sent: encoded once, for all who get it."""

import time
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2s

import msgspec
import structlog

from cluster.fetched import Record
from contract.errors import Fatal
from contract.snapshots import Snapshot
from subscriber.feed import decode_received, is_snapshot

log = structlog.get_logger()
_decode = msgspec.json.Decoder(Snapshot).decode


class Frame:
    """One snapshot as a server-sent event, of which its JSON is a part."""

    __slots__ = ("_json_at", "event", "received_at", "sequence", "tag")

    def __init__(self, snapshot: Snapshot) -> None:
        json = msgspec.json.encode(snapshot)  # It has no line end, which would end the event's data.
        head = b"id: %d\nevent: snapshot\ndata: " % snapshot.sequence
        self.sequence = snapshot.sequence
        self.event = b"%b%b\n\n" % (head, json)
        """The bytes for the stream."""
        self._json_at = len(head)
        self.tag = f"{snapshot.sequence}-{blake2s(json, digest_size=6).hexdigest()}"
        """Distinguishes the snapshot from every other one, also from one of the same sequence on another cluster."""
        self.received_at = time.monotonic()

    @property
    def json(self) -> bytes:
        """The snapshot as JSON."""
        return self.event[self._json_at : -2]

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot, decoded; a frame keeps its bytes only."""
        return _decode(self.json)


def event(name: str, data: Mapping[str, object]) -> bytes:
    """A server-sent event without an id: one that does not move the position from which a client goes on."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(data))


def readable_snapshots(records: Iterable[Record]) -> Iterator[Snapshot]:
    """The snapshots of these records; a record that is none, or of a newer program, is logged and left out."""
    for record in filter(is_snapshot, records):
        try:
            yield decode_received(record).snapshot
        except Fatal as error:
            log.error("snapshot skipped", cause=str(error))
