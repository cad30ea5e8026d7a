"""`ltv dashboard` on a real Kafka: what it reads, what it does while the broker is away, and after its own restart."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psutil
import pytest

from broker.embedded import EmbeddedBroker
from broker.readiness import free_port
from contract.topics import SNAPSHOT_KEY, Topics
from tests.integration.application import Plain, shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.test_reader import Writer, snapshot
from tests.waiting import wait_until

HOST = "127.0.0.1"
Event = dict[str, Any]


class Dashboard:
    """A running `ltv dashboard`."""

    def __init__(self, servers: str, prefix: str, log: Path, port: int = 0, **variables: str) -> None:
        self.port = port or free_port()
        self._log = log
        command = [sys.executable, "-m", "ltv", "dashboard", "--port", str(self.port), "--prefix", prefix]
        environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": servers, **variables}
        with log.open("ab") as file:
            self._process = psutil.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ask(self, path: str, **headers: str) -> tuple[int, Any]:
        """Status, and what the JSON of the answer says."""
        with closing(http.client.HTTPConnection(HOST, self.port, timeout=60)) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def state(self) -> str:
        """The state in /api/health; "" while the port is not open."""
        with suppress(OSError):
            return str(self.ask("/api/health")[1]["state"])
        return ""

    def wait_for(self, state: str) -> None:
        wait_until(
            lambda: self.state() == state, f"the state {state}", failing=self._failing, state=lambda: self.log
        )

    def wait_for_sequence(self, sequence: int) -> None:
        self.wait_for("live")
        wait_until(
            lambda: self.ask("/api/health")[1]["snapshot"]["sequence"] >= sequence,
            f"snapshot {sequence}",
            failing=self._failing,
            state=lambda: self.log,
        )

    def _failing(self) -> str:
        code = self._process.poll()
        return "" if code is None else f"ended with {code}: {self.log}"

    def stop(self) -> int:
        """End it with SIGTERM; returns its exit code."""
        self._process.send_signal(signal.SIGTERM)
        return int(self._process.wait(60))

    def close(self) -> None:
        with suppress(psutil.NoSuchProcess):
            self._process.kill()
        self._process.wait()


NewDashboard = Callable[..., Dashboard]


@pytest.fixture
def new_dashboard(tmp_path: Path) -> Iterator[NewDashboard]:
    made: list[Dashboard] = []

    def make(servers: str, prefix: str, **settings: Any) -> Dashboard:
        made.append(Dashboard(servers, prefix, tmp_path / "dashboard.log", **settings))
        return made[-1]

    yield make
    for dashboard in made:
        dashboard.close()


@pytest.fixture
def topics(plain: Plain) -> Topics:
    made = Topics(prefix=f"dashboard-{uuid4().hex[:8]}")
    plain.create_topic(made.snapshots, 1, message_timestamp_type="LogAppendTime")
    return made


class Subscriber:
    """A client of the stream that keeps its position, as a browser does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.last: str | None = None
        self._open()

    def _open(self) -> None:
        self._connection = http.client.HTTPConnection(HOST, self._port, timeout=120)
        headers = {"Last-Event-ID": self.last} if self.last else {}
        self._connection.request("GET", "/api/stream", headers=headers)
        self._response = self._connection.getresponse()

    def next(self) -> tuple[str, Any]:
        """The next event's name, and its data; ("", None) at the end of the stream."""
        fields: dict[str, str] = {}
        while True:
            line = self._response.readline().decode()
            if not line:
                return "", None
            if line == "\n" and "data" in fields:
                self.last = fields.get("id", self.last)
                return fields["event"], json.loads(fields["data"])
            name, _, value = line.rstrip("\n").partition(": ")
            fields[name] = value

    def next_sequence(self) -> int:
        """The sequence of the next snapshot; states are passed over, and nothing may be missed."""
        while True:
            name, data = self.next()
            assert name in {"snapshot", "state"}, (name, data)
            if name == "snapshot":
                return int(data["sequence"])

    def come_again(self) -> None:
        self.close()
        self._open()

    def close(self) -> None:
        self._response.close()
        self._connection.close()


def write(writer: Writer, topics: Topics, *sequences: int) -> None:
    """Write snapshots, each in its transaction."""
    for sequence in sequences:
        writer.write(topics.snapshots, snapshot(sequence))


@pytest.fixture
def writer(kafka: str) -> Iterator[Writer]:
    with closing(Writer(kafka)) as made:
        yield made


def test_committed_snapshots_are_streamed_in_order_and_uncommitted_ones_are_not(
    kafka: str, topics: Topics, writer: Writer, new_dashboard: NewDashboard
) -> None:
    dashboard = new_dashboard(kafka, topics.prefix)
    dashboard.wait_for("waiting")
    assert dashboard.ask("/api/snapshots/latest")[0] == 503
    with closing(Subscriber(dashboard.port)) as subscriber:
        write(writer, topics, 1, 2)
        assert [subscriber.next_sequence() for _ in range(2)] == [1, 2]
        writer.begin(topics.snapshots, [snapshot(99)])
        writer.abort()
        write(writer, topics, 3)
        assert subscriber.next_sequence() == 3
    assert dashboard.ask("/api/snapshots/latest")[1]["sequence"] == 3


def test_after_a_restart_of_the_server_a_subscriber_goes_on_without_a_gap(
    kafka: str, topics: Topics, writer: Writer, new_dashboard: NewDashboard
) -> None:
    write(writer, topics, 1, 2, 3)
    first = new_dashboard(kafka, topics.prefix)
    first.wait_for_sequence(3)
    with closing(Subscriber(first.port)) as subscriber:
        assert subscriber.next_sequence() == 3
        assert first.stop() == 0
        assert subscriber.next() == ("", None)
        write(writer, topics, 4, 5, 6)
        second = new_dashboard(kafka, topics.prefix, port=first.port)
        wait_until(lambda: second.state(), "the port of the second one")
        subscriber.come_again()
        assert [subscriber.next_sequence() for _ in range(3)] == [4, 5, 6]


def test_what_is_no_longer_in_memory_comes_from_the_topic(
    kafka: str, plain: Plain, topics: Topics, new_dashboard: NewDashboard
) -> None:
    last = 700
    plain.send(topics.snapshots, [(SNAPSHOT_KEY, snapshot(sequence)) for sequence in range(1, last + 1)])
    dashboard = new_dashboard(kafka, topics.prefix)
    dashboard.wait_for_sequence(last)
    subscriber = Subscriber(dashboard.port)
    with closing(subscriber):
        assert subscriber.next_sequence() == last
        subscriber.last = "5"
        subscriber.come_again()
        assert [subscriber.next_sequence() for _ in range(last - 5)] == list(range(6, last + 1))
    assert dashboard.ask("/api/snapshots/7")[1]["sequence"] == 7
    assert dashboard.ask(f"/api/snapshots/{last + 1}")[0] == 404


def test_a_stretch_of_the_series_is_spread_evenly_and_has_the_newest(
    kafka: str, plain: Plain, topics: Topics, new_dashboard: NewDashboard
) -> None:
    plain.send(topics.snapshots, [(SNAPSHOT_KEY, snapshot(sequence)) for sequence in range(1, 301)])
    dashboard = new_dashboard(kafka, topics.prefix)
    dashboard.wait_for_sequence(300)

    def sequences(query: str) -> tuple[list[int], bool]:
        status, found = dashboard.ask(f"/api/snapshots?{query}")
        assert status == 200
        return [each["sequence"] for each in found["snapshots"]], found["thinned"]

    spread, thinned = sequences("limit=20")
    assert thinned
    assert 10 <= len(spread) <= 20
    assert len({later - earlier for earlier, later in pairwise(spread[:-1])}) == 1
    assert spread[-1] == 300
    assert sequences("since=290") == (list(range(290, 301)), False)
    assert sequences("since=5&until=9") == ([5, 6, 7, 8, 9], False)
    assert sequences("until=9&limit=1") == ([9], True)
    assert sequences("since=2099-01-01T00:00Z") == ([], False)
    assert sequences("since=2020-01-01&limit=1000") == (list(range(1, 301)), False)
    assert sequences("since=301") == ([], False)


def test_foreign_and_unreadable_records_are_passed_over(
    kafka: str, plain: Plain, topics: Topics, new_dashboard: NewDashboard
) -> None:
    dashboard = new_dashboard(kafka, topics.prefix)
    dashboard.wait_for("waiting")
    newer = json.dumps({**json.loads(snapshot(2)), "schema_version": 99}).encode()
    plain.send(
        topics.snapshots, [(SNAPSHOT_KEY, snapshot(1)), (b"x", b"foreign"), (SNAPSHOT_KEY, b"no JSON")]
    )
    plain.send(topics.snapshots, [(SNAPSHOT_KEY, newer)])
    wait_until(lambda: "install a newer ltv" in dashboard.log, "what to do", state=lambda: dashboard.log)
    dashboard.wait_for("unreadable")
    assert dashboard.ask("/api/snapshots/latest")[1]["sequence"] == 1
    plain.send(topics.snapshots, [(SNAPSHOT_KEY, snapshot(3))])
    dashboard.wait_for_sequence(3)


def test_a_topic_that_was_recreated_is_followed_from_its_new_beginning(
    kafka: str, plain: Plain, topics: Topics, new_dashboard: NewDashboard
) -> None:
    plain.send(topics.snapshots, [(SNAPSHOT_KEY, snapshot(sequence)) for sequence in range(1, 10)])
    dashboard = new_dashboard(kafka, topics.prefix)
    dashboard.wait_for_sequence(9)
    plain.admin.delete_topics([topics.snapshots])
    wait_until(
        lambda: not plain.admin.describe_topics([topics.snapshots])[0]["partitions"], "the topic's end"
    )
    plain.create_topic(topics.snapshots, 1, message_timestamp_type="LogAppendTime")
    plain.send(topics.snapshots, [(SNAPSHOT_KEY, snapshot(1))])
    wait_until(
        lambda: dashboard.ask("/api/health")[1]["snapshot"]["sequence"] == 1,
        "the first snapshot of the new topic",
        state=lambda: dashboard.log,
    )


def test_while_the_broker_is_away_it_says_so_and_then_goes_on_without_a_gap(
    new_dashboard: NewDashboard, tmp_path: Path
) -> None:
    port, topics = free_port(), Topics(prefix="away")
    with (
        EmbeddedBroker(port=port, data_dir=tmp_path / "data") as broker,
        Plain(broker.bootstrap_servers) as plain,
    ):
        plain.create_topic(topics.snapshots, 1)
        plain.send(topics.snapshots, [(SNAPSHOT_KEY, snapshot(1))])
        dashboard = new_dashboard(broker.bootstrap_servers, topics.prefix)
        dashboard.wait_for_sequence(1)
        subscriber = Subscriber(dashboard.port)
        assert subscriber.next_sequence() == 1
    dashboard.wait_for("reconnecting")
    assert subscriber.next()[1]["state"] == "reconnecting"
    assert dashboard.ask("/api/snapshots/latest")[1]["sequence"] == 1
    with (
        EmbeddedBroker(port=port, data_dir=tmp_path / "data") as broker,
        Plain(broker.bootstrap_servers) as plain,
    ):
        plain.send(topics.snapshots, [(SNAPSHOT_KEY, snapshot(sequence)) for sequence in (2, 3)])
        assert [subscriber.next_sequence() for _ in range(2)] == [2, 3]
        dashboard.wait_for("live")
    subscriber.close()


def test_any_customer_is_found_with_its_standing_also_without_a_worker(
    kafka: str, new_topic: NewTopic, new_application: NewApplication, new_dashboard: NewDashboard
) -> None:
    application = new_application(new_topic(shop(500, seed=71)))
    newest = application.backfill()
    ranked = [row["customer_id"] for row in newest["rows"]]
    unranked = next(name for name in (f"c{number}" for number in range(50)) if name not in ranked)
    dashboard = new_dashboard(kafka, application.prefix)
    dashboard.wait_for("live")
    status, first = dashboard.ask(f"/api/customers/{quote(ranked[0])}")
    assert (status, first["source"], first["standing"]["rank"]) == (200, "changelog", 1)
    assert (first["ltv"], first["standing"]["next"]) == (newest["rows"][0]["ltv"], None)
    status, other = dashboard.ask(f"/api/customers/{unranked}")
    assert (status, other["standing"]["rank"]) == (200, None)
    assert other["standing"]["next"]["rank"] == len(ranked)
    assert dashboard.ask("/api/customers/nobody")[0] == 404


def test_settings_that_cant_work_are_one_line(kafka: str, tmp_path: Path) -> None:
    for option, value, word in (
        ("--allow-origin", "shop.example/path", "origin"),
        ("--frame-ancestors", "x; script-src *", "origin"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "ltv", "dashboard", option, value],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert (done.stderr.count("\n"), word in done.stderr, option in done.stderr) == (1, True, True)
