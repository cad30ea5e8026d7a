"""The stream: each snapshot once and in order, nothing lost over a reconnection, no queue for a slow client."""

import asyncio
import http.client
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Self

import pytest

from contract.snapshots import Snapshot
from dashboard.broadcast import Broadcast, FeedState
from dashboard.dashboard_metrics import DashboardMetrics
from dashboard.frames import Frame
from dashboard.recent_frames import AskedFor, RecentFrames
from dashboard.stream import MOST_RESUMED, Stream
from dashboard.stream_api import DashboardConnection
from tests.dashboard_stage import HOST, KnownPast, Stage, row, snapshot, stage
from tests.waiting import wait_until


def frames(*sequences: int) -> list[Frame]:
    return [Frame(snapshot(sequence)) for sequence in sequences]


def in_short(raw: bytes) -> list[str]:
    """A stream's events: "snapshot 3", "missed 2", "state live", "heartbeat"."""
    found = []
    for event in raw.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in event.split("\n"))
        data = json.loads(fields.get("data", "{}"))
        match fields:
            case {"event": "snapshot", "id": sequence}:
                assert data["sequence"] == int(sequence)
                found.append(f"snapshot {sequence}")
            case {"event": "missed"}:
                found.append(f"missed {data['count']}")
            case {"event": "state"}:
                found.append(f"state {data['state']}")
            case {"": comment}:
                found.append(comment)
    return found


class Client:
    """Reads a stream without a server, as fast as it can or not at all."""

    def __init__(self, broadcast: Broadcast, *past: Snapshot, last: int | None = None) -> None:
        self.past = KnownPast(broadcast, *past)
        self.metrics = DashboardMetrics()
        self._events = Stream(broadcast, self.past, self.metrics, last).events()
        self._raw = b""
        self._reads = asyncio.Event()
        self._reads.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        self.past.close()

    async def _read(self) -> None:
        async for chunk in self._events:
            await self._reads.wait()
            self._raw += chunk

    def stop_reading(self) -> None:
        self._reads.clear()

    def read_on(self) -> None:
        self._reads.set()

    @property
    def has_ended(self) -> bool:
        return self._task.done()

    async def told(self) -> list[str]:
        """What has come since the last call, once nothing more can come: no step here waits for time or for I/O."""
        for _ in range(5_000):
            await asyncio.sleep(0)
        raw, self._raw = self._raw, b""
        return in_short(raw)


async def new_client_gets_the_newest_then_each(broadcast: Broadcast) -> None:
    broadcast.publish(frames(1, 2, 3))
    async with Client(broadcast) as client:
        assert await client.told() == ["state reconnecting", "snapshot 3"]
        for sequence in (4, 5):
            broadcast.publish(frames(sequence))
            assert await client.told() == [f"snapshot {sequence}"]


async def client_before_the_first_snapshot_waits(broadcast: Broadcast) -> None:
    async with Client(broadcast) as client:
        assert await client.told() == ["state reconnecting"]
        broadcast.set_state(FeedState.WAITING)
        assert await client.told() == ["state waiting"]
        broadcast.publish(frames(1))
        assert await client.told() == ["snapshot 1"]


async def several_at_once_come_one_by_one_to_who_is_not_slow(broadcast: Broadcast) -> None:
    broadcast.publish(frames(1))
    async with Client(broadcast) as client:
        await client.told()
        broadcast.publish(frames(2, 3, 4))
        assert await client.told() == ["snapshot 2", "snapshot 3", "snapshot 4"]


async def slow_client_gets_the_newest_and_the_number_of_those_it_missed(broadcast: Broadcast) -> None:
    broadcast.publish(frames(1))
    async with Client(broadcast) as client:
        await client.told()
        client.stop_reading()
        for sequence in range(2, 30):
            broadcast.publish(frames(sequence))
            assert await client.told() == []
        client.read_on()
        assert await client.told() == ["snapshot 2", "missed 26", "snapshot 29"]
        assert client.metrics.registry.get_sample_value("ltv_dashboard_snapshots_missed_total") == 26


async def client_that_comes_again_gets_what_it_missed(broadcast: Broadcast) -> None:
    broadcast.publish(frames(*range(1, 9)))
    async with Client(broadcast, last=5) as client:
        assert await client.told() == ["state reconnecting", "snapshot 6", "snapshot 7", "snapshot 8"]
        broadcast.publish(frames(9))
        assert await client.told() == ["snapshot 9"]


async def older_ones_come_from_the_topic(broadcast: Broadcast) -> None:
    broadcast.publish(frames(8, 9))
    past = [snapshot(sequence) for sequence in range(1, 10)]
    async with Client(broadcast, *past, last=2) as client:
        assert await client.told() == ["state reconnecting", *(f"snapshot {n}" for n in range(3, 10))]


async def after_a_restart_who_comes_before_the_feed_waits_for_it(broadcast: Broadcast) -> None:
    async with Client(broadcast, last=5) as client:
        assert await client.told() == ["state reconnecting"]
        broadcast.publish(frames(3, 4, 5, 6, 7))
        assert await client.told() == ["snapshot 6", "snapshot 7"]


async def while_the_history_cant_be_read_it_waits_and_leaves_no_gap(broadcast: Broadcast) -> None:
    broadcast.publish(frames(4))
    async with Client(broadcast, *map(snapshot, range(1, 6)), last=2) as client:
        client.past.is_away = True
        assert await client.told() == ["state reconnecting"]
        broadcast.beat()
        assert await client.told() == ["heartbeat"]
        client.past.is_away = False
        broadcast.publish(frames(5))
        assert await client.told() == ["snapshot 3", "snapshot 4", "snapshot 5"]


async def what_is_deleted_counts_as_missed(broadcast: Broadcast) -> None:
    broadcast.publish(frames(8))
    async with Client(broadcast, snapshot(6), snapshot(7), snapshot(8), last=2) as client:
        assert await client.told() == [
            "state reconnecting",
            "missed 3",
            *(f"snapshot {sequence}" for sequence in (6, 7, 8)),
        ]


async def who_was_away_for_long_gets_the_newest_thousand(broadcast: Broadcast) -> None:
    last = 3 * MOST_RESUMED
    broadcast.recent = RecentFrames(most=last)
    broadcast.publish(frames(*range(1, last + 1)))
    async with Client(broadcast, last=1) as client:
        told = await client.told()
    assert told[:3] == [
        "state reconnecting",
        f"missed {last - MOST_RESUMED - 1}",
        f"snapshot {last - MOST_RESUMED + 1}",
    ]
    assert (len(told), told[-1]) == (MOST_RESUMED + 2, f"snapshot {last}")


async def sequence_of_another_series_is_as_none(broadcast: Broadcast) -> None:
    broadcast.publish(frames(1, 2))
    async with Client(broadcast, last=99) as client:
        assert await client.told() == ["state reconnecting", "snapshot 2"]


async def another_series_goes_on_from_its_newest(broadcast: Broadcast) -> None:
    broadcast.publish(frames(7, 8))
    async with Client(broadcast) as client:
        await client.told()
        broadcast.publish(frames(1, 2))
        assert await client.told() == ["snapshot 2"]
        broadcast.publish(frames(3))
        assert await client.told() == ["snapshot 3"]


async def heartbeats_come_where_nothing_else_does(broadcast: Broadcast) -> None:
    broadcast.publish(frames(1))
    async with Client(broadcast) as client:
        await client.told()
        broadcast.beat()
        assert await client.told() == ["heartbeat"]
        broadcast.beat()
        broadcast.publish(frames(2))
        assert await client.told() == ["snapshot 2"]


async def close_ends_it_and_it_counts_no_more(broadcast: Broadcast) -> None:
    async with Client(broadcast) as client:
        await client.told()
        assert client.metrics.open_streams == 1
        broadcast.close()
        await client.told()
        assert (client.has_ended, client.metrics.open_streams) == (True, 0)


SCENES = [scene for name, scene in list(globals().items()) if asyncio.iscoroutinefunction(scene)]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__.replace("_", " "))
def test_a_stream(scene: object) -> None:
    async def play() -> None:
        await scene(Broadcast())  # type: ignore[operator]

    asyncio.run(play())


def test_the_recent_snapshots_stay_within_their_bytes() -> None:
    size = len(Frame(snapshot(1)).event)
    recent = RecentFrames(most=100, most_bytes=3 * size + 10)
    recent.add(frames(*range(1, 10)))
    assert recent.after(6) is not None
    assert recent.after(5) is None
    assert [frame.sequence for frame in recent.after(6) or ()] == [7, 8, 9]
    recent.add([Frame(snapshot(10, *(row(n, "x" * 200) for n in range(1, 10))))])
    assert [frame.sequence for frame in recent.after(9) or ()] == [10]
    assert recent.of_sequence(9) is None


def test_of_the_snapshots_that_were_asked_for_the_least_wanted_goes_first() -> None:
    size = len(Frame(snapshot(1)).event)
    asked_for = AskedFor(most_bytes=2 * size)
    for frame in frames(1, 2):
        asked_for.add(frame)
    assert asked_for.get(1)
    for frame in frames(3):
        asked_for.add(frame)
    assert [sequence for sequence in (1, 2, 3) if asked_for.get(sequence)] == [1, 3]


@contextmanager
def reading(served: Stage, headers: Sequence[tuple[str, str]] = ()) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection(HOST, served.port, timeout=60)) as connection:
        connection.request("GET", "/api/stream", headers=dict(headers))
        with closing(connection.getresponse()) as response:
            yield response


def next_event(response: http.client.HTTPResponse) -> str:
    """The next event in short; the line with `retry` is passed over."""
    while True:
        event = b""
        while not event.endswith(b"\n\n"):
            line = response.readline()
            assert line, "the stream has ended"
            event += line
        if found := in_short(event):
            return found[0]


def test_the_stream_over_http_has_its_headers_and_goes_on_from_the_last_event_id() -> None:
    with stage(*map(snapshot, range(1, 6))) as served:
        served.publish(snapshot(5))
        with reading(served, [("Last-Event-ID", "3")]) as response:
            assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            assert (response.headers["X-Accel-Buffering"], response.headers["Cache-Control"]) == (
                "no",
                "no-store",
            )
            assert [next_event(response) for _ in range(3)] == [
                "state reconnecting",
                "snapshot 4",
                "snapshot 5",
            ]
            served.publish(snapshot(6))
            assert next_event(response) == "snapshot 6"


def test_a_stream_too_many_is_told_to_come_later() -> None:
    with stage(most_subscribers=1) as served:
        with reading(served) as response:
            assert next_event(response) == "state reconnecting"
            refused = served.ask("/api/stream")
            assert (refused.status, refused.headers["Retry-After"]) == (503, "2")
        wait_until(lambda: served.metrics.open_streams == 0, "the stream's end at the server")
        with reading(served) as response:
            assert next_event(response) == "state reconnecting"


def test_a_client_that_reads_nothing_costs_little_and_nobody_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [row(rank, f"customer-{rank}", name="x" * 200) for rank in range(1, 1_001)]
    with stage() as served, closing(socket.socket()) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        silent.connect((HOST, served.port))
        silent.sendall(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: served.metrics.open_streams == 1, "the silent stream")
        with reading(served) as response:
            next_event(response)
            for sequence in range(1, 31):
                served.publish(snapshot(sequence, *rows))
                assert next_event(response) == f"snapshot {sequence}"
        sent = served.metrics.registry.get_sample_value("ltv_dashboard_snapshots_sent_total") or 0
    assert sent < 30 + 10


def test_a_client_that_reads_nothing_for_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DashboardConnection, "stalled_s", 0.2)
    rows = [row(rank, f"customer-{rank}", name="x" * 200) for rank in range(1, 1_001)]
    with stage() as served, closing(socket.socket()) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        silent.connect((HOST, served.port))
        silent.sendall(b"GET /api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: served.metrics.open_streams == 1, "the silent stream")
        for sequence in range(1, 31):
            served.publish(snapshot(sequence, *rows))
        wait_until(lambda: served.metrics.open_streams == 0, "the end of the silent stream")


def test_a_stream_outlives_the_time_of_a_brief_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DashboardConnection, "request_s", 0.2)
    monkeypatch.setattr(DashboardConnection, "answer_s", 0.4)
    with stage() as served, reading(served) as response:
        next_event(response)
        with closing(socket.create_connection((HOST, served.port), timeout=60)) as silent:
            assert (
                silent.recv(1) == b""
            )  # The connection opened later is closed: the stream's time is over, too.
        with closing(socket.create_connection((HOST, served.port), timeout=60)) as silent:
            assert silent.recv(1) == b""
        served.publish(snapshot(1))
        assert next_event(response) == "snapshot 1"


def test_when_the_server_ends_its_streams_end() -> None:
    with stage() as served:
        connection = http.client.HTTPConnection(HOST, served.port, timeout=60)
        connection.request("GET", "/api/stream")
        response = connection.getresponse()
        next_event(response)
    with closing(connection):
        assert response.read() == b""
