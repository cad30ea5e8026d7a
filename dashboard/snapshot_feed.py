"""Follows the topic of the snapshots in one thread, whatever the number of viewers, and reconnects."""

import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, Protocol

import structlog

from cluster.fetched import Record
from cluster.log_reader import LogReader
from contract.errors import LtvError, Retriable
from contract.topics import Topics
from dashboard.broadcast import FeedState
from dashboard.frames import Frame, readable_snapshots
from subscriber.feed import is_snapshot

POLL_S: Final = 0.1
CHECK_S: Final = 2.0
"""kafka-python reports no error when its broker is gone: after so long without a record, the feed asks for the end."""
READ_FIRST: Final = 64
"""Snapshots to begin with: clients of a dashboard that was restarted get from them what they missed."""
FIRST_BACKOFF_S: Final = 0.5
MAX_BACKOFF_S: Final = 5.0

log = structlog.get_logger()


class FeedSink(Protocol):
    """Takes what the feed reads; called in the feed's thread."""

    def publish(self, frames: Sequence[Frame]) -> None:
        """Take newer snapshots."""

    def set_state(self, state: FeedState) -> None:
        """Take a change of the state."""


class SnapshotFeed:
    """Reads each snapshot once and gives it to the sink; after an error it goes on where it was."""

    def __init__(
        self, connect: Callable[[], LogReader], topics: Topics, sink: FeedSink, failed: Callable[[], None]
    ) -> None:
        """Prepare.

        Args:
            connect: makes a connection; it may raise an LtvError.
            topics: the names of the topics.
            sink: takes the snapshots.
            failed: is called once for every connection that ended with an error.
        """
        self._connect, self._topics, self._sink, self._failed = connect, topics, sink, failed
        self._state = FeedState.RECONNECTING
        self._next_offset: int | None = None
        """Where the feed goes on; None: it begins with the newest snapshots."""
        self._topic_id = ""

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Follow the topic until `should_stop`."""
        backoff_s = FIRST_BACKOFF_S
        while not should_stop():
            try:
                with self._connect() as reader:
                    self._begin(reader)
                    backoff_s = FIRST_BACKOFF_S
                    self._follow(reader, should_stop)
            except LtvError as error:
                self._set_state(FeedState.RECONNECTING)
                self._failed()
                log.warning("waiting for the cluster", cause=str(error), retry_in_s=backoff_s)
                _wait(backoff_s, should_stop)
                backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)

    def _begin(self, reader: LogReader) -> None:
        """Find where to go on: where the last connection was, or at the newest snapshots of a new topic."""
        topic = self._topics.snapshots
        reader.partitions(topic)
        topic_id = reader.topic_id(topic)
        if topic_id != self._topic_id:
            self._topic_id, self._next_offset = topic_id, None
        if self._next_offset is None:
            self._next_offset = reader.committed_ends(topic, [0])[0]
            newest = filter(is_snapshot, reader.newest_first(topic, 0, self._next_offset))
            first = list(islice(newest, READ_FIRST))[::-1]
            self._set_state(FeedState.LIVE if first else FeedState.WAITING)
            self._take(first)
        elif self._state is FeedState.RECONNECTING:
            self._set_state(FeedState.LIVE)
        reader.follow({(topic, 0): self._next_offset})

    def _follow(self, reader: LogReader, should_stop: Callable[[], bool]) -> None:
        checked_at = time.monotonic()
        while not should_stop():
            records = reader.poll(POLL_S)
            if records:
                self._next_offset = records[-1].offset + 1
                self._take([record for record in records if is_snapshot(record)])
                checked_at = time.monotonic()
            elif time.monotonic() > checked_at + CHECK_S:
                self._check(reader)
                checked_at = time.monotonic()

    def _check(self, reader: LogReader) -> None:
        """Raise Retriable if the broker does not answer, or if the topic is another one than that which is followed."""
        end = reader.committed_ends(self._topics.snapshots, [0])[0]
        is_other = reader.topic_id(self._topics.snapshots) != self._topic_id
        if is_other or (self._next_offset is not None and end < self._next_offset):
            self._next_offset = None
            raise Retriable(f"{self._topics.snapshots} was recreated")

    def _take(self, records: Sequence[Record]) -> None:
        """Publish what can be read of these records; if the last one can't be, the state says so."""
        frames: list[Frame] = []
        for record in records:
            found = [Frame(snapshot) for snapshot in readable_snapshots([record])]
            frames += found
            newest = FeedState.LIVE if found else FeedState.UNREADABLE
        if records:
            self._set_state(newest)
        if frames:
            self._sink.publish(frames)

    def _set_state(self, state: FeedState) -> None:
        if state is not self._state:
            self._state = state
            self._sink.set_state(state)
            log.info("feed", state=str(state))


def _wait(seconds: float, should_stop: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not should_stop():
        time.sleep(POLL_S)
