"""What the dashboard's feed says of the records of one poll."""

import json
from collections.abc import Sequence

import msgspec
import pytest

from cluster.fetched import Record
from contract.snapshots import SCHEMA_VERSION
from contract.topics import SNAPSHOT_KEY, Topics
from dashboard.broadcast import FeedState
from dashboard.frames import Frame
from dashboard.snapshot_feed import SnapshotFeed
from tests.dashboard_stage import snapshot


class Sink:
    def __init__(self) -> None:
        self.sequences: list[int] = []
        self.state: FeedState | None = None

    def publish(self, frames: Sequence[Frame]) -> None:
        self.sequences += [frame.sequence for frame in frames]

    def set_state(self, state: FeedState) -> None:
        self.state = state


READABLE = msgspec.json.encode(snapshot(1))
NEWER = json.dumps({**json.loads(READABLE), "schema_version": SCHEMA_VERSION + 1}).encode()


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ([READABLE, NEWER], FeedState.UNREADABLE),
        ([NEWER, READABLE], FeedState.LIVE),
        ([NEWER], FeedState.UNREADABLE),
    ],
)
def test_the_last_record_of_a_poll_decides_whether_the_series_can_be_read(
    values: list[bytes], state: FeedState
) -> None:
    sink = Sink()
    feed = SnapshotFeed(lambda: pytest.fail("connects"), Topics(), sink, lambda: pytest.fail("fails"))
    feed._take([Record("t", 0, at, 0, SNAPSHOT_KEY, value, b"\0") for at, value in enumerate(values)])
    assert sink.state is state
    assert sink.sequences == [1] * values.count(READABLE)
