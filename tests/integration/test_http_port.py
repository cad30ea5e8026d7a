"""The HTTP port answers whoever asks, whatever other clients do, and only under a name that is its own."""

import http.client
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing

import psutil
import pytest
from typer.testing import CliRunner

from broker.readiness import free_port
from consumer.http_port import serve
from consumer.metrics import Metrics
from consumer.settings import Settings
from contract.errors import Fatal
from ltv import cli
from tests.waiting import wait_until
from web.allowed_hosts import AllowedHosts
from web.connections import BriefConnection

SERVER = """
import gc, sys
from consumer.http_port import serve
from consumer.customer_page import CustomerAnswers
from consumer.metrics import Metrics
from tests.unit.test_customer_page import find
gc.disable()
metrics = Metrics()
for partition in range(5_000):
    metrics.lag.labels(str(partition)).set(partition)
serve(metrics, "127.0.0.1", int(sys.argv[1]), ["ltv.example"], CustomerAnswers(find, "w"))
print("serving", flush=True)
for line in sys.stdin:
    if line == "ready\\n":
        metrics.set_ready()
    print(gc.collect(), flush=True)
"""
PAGES = {"/live": 200, "/ready": 503, "/metrics": 200, "/customers/c": 200, "/customers/unknown": 404}
FEW_OBJECTS = 100
SILENT = 500
UNREAD = 5
"""Each costs the server an answer of 200 KB."""


class Port:
    """A process that serves, with its garbage collector off."""

    def __init__(self) -> None:
        self.number = free_port()
        self._process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(self.number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "serving\n"

    def tell(self, word: str) -> int:
        """Say this word to the process; returns how many unreachable objects it found then."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def ask(
        self, page: str, method: str = "GET", **headers: str
    ) -> tuple[int, bytes, http.client.HTTPMessage]:
        """Status, body and headers of an answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.number, timeout=60)) as connection:
            connection.request(method, page, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.number), timeout=60)

    def handles(self) -> int:
        return psutil.Process(self._process.pid).num_fds()

    def close(self) -> str:
        """End the process; returns what it wrote to standard error."""
        said = self._process.communicate(timeout=60)[1]
        assert self._process.returncode == 0
        return said


@pytest.fixture(scope="module")
def port() -> Iterator[Port]:
    port = Port()
    yield port
    assert port.close() == ""


def assert_all_pages_answer(port: Port) -> None:
    assert {page: port.ask(page)[0] for page in PAGES} == PAGES


def ended(connection: socket.socket) -> bool:
    """Wait until the server ends the connection."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionResetError:
        pass
    return True


def test_each_page_says_what_it_is_for() -> None:
    port = Port()
    try:
        assert port.ask("/live")[:2] == (200, b'{"ok":true,"reason":"the loop turns"}\n')
        assert port.ask("/ready")[:2] == (503, b'{"ok":false,"reason":"starting"}\n')
        port.tell("ready")
        assert port.ask("/ready")[:2] == (200, b'{"ok":true,"reason":"every assigned partition runs"}\n')
        status, body, headers = port.ask("/metrics")
        assert (status, headers.get_content_type()) == (200, "text/plain")
        assert b"ltv_ready 1.0\n" in body
        assert port.ask("/nowhere")[:2] == (404, b"not found; try /metrics, /ready or /live\n")
    finally:
        port.close()


@pytest.mark.parametrize("page", PAGES)
def test_head_answers_like_get_without_a_body_and_no_other_method_is_allowed(port: Port, page: str) -> None:
    assert port.ask(page, "HEAD")[:2] == (PAGES[page], b"")
    assert {port.ask(page, method)[0] for method in ("POST", "PUT", "DELETE", "OPTIONS")} == {405}


@pytest.mark.parametrize("page", [*PAGES, "/nowhere"])
def test_every_answer_closes_its_connection_and_names_no_server(port: Port, page: str) -> None:
    headers = port.ask(page)[2]
    assert headers["Connection"] == "close"
    assert headers["Server"] is None


@pytest.mark.parametrize(
    "host", ["evil.example", "ltv.example.evil.example", "127.0.0.1.evil.example", "a b", ""]
)
def test_another_name_than_its_own_is_refused_in_one_line_that_names_the_option(
    port: Port, host: str
) -> None:
    status, body, _ = port.ask("/metrics", Host=host)
    assert status == 421
    assert body.count(b"\n") == 1
    assert b"--metrics-allowed-hosts" in body


def test_an_added_name_is_answered(port: Port) -> None:
    assert port.ask("/live", Host="LTV.example:9100")[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3:9100",
        "[::1]",
        "[fe80::1]:9100",
        "localhost",
        "consumer_1:80",
        "own.example",
        "",
    ],
)
def test_addresses_short_names_and_the_machines_own_name_are_allowed(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "Own.example")
    assert AllowedHosts(["bound.example"]).allow(host) == bool(host)
    assert AllowedHosts(["bound.example"]).allow("bound.example:1")


def test_a_request_without_a_host_is_answered_as_http_1_0_allows(port: Port) -> None:
    with port.connect() as connection:
        connection.sendall(b"GET /live HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


def test_silent_connections_do_not_keep_anybody_out_and_do_not_pile_up(port: Port) -> None:
    before = port.handles()
    with ExitStack() as stack:
        for _ in range(SILENT):
            stack.enter_context(port.connect())
            assert port.handles() < before + 3 * BriefConnection.most_open
        assert_all_pages_answer(port)
    wait_until(lambda: port.handles() <= before + 1, "the silent connections to be closed")


def test_a_silent_connection_is_closed_though_nobody_else_comes(port: Port) -> None:
    with port.connect() as connection:
        assert ended(connection)


def test_a_client_that_drips_bytes_is_closed_while_others_are_answered(port: Port) -> None:
    with port.connect() as connection:
        connection.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\nX-Long: ")

        def is_closed() -> bool:
            assert port.ask("/live")[0] == 200
            try:
                connection.sendall(b"x")
            except OSError:
                return True
            return False

        wait_until(
            is_closed, f"the end of a connection that lives longer than {BriefConnection.answer_s:.0f} s"
        )


def test_a_client_that_never_reads_its_answers_is_closed_while_others_are_answered(port: Port) -> None:
    before = port.handles()
    with ExitStack() as stack:
        for _ in range(UNREAD):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            connection.connect(("127.0.0.1", port.number))
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert_all_pages_answer(port)
        wait_until(lambda: port.handles() <= before + 1, "the unread connections to be closed")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /live HTTP/1.1\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000,
        b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"POST /live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 100_000,
    ],
    ids=["TLS", "no host", "two hosts", "long header", "upgrade", "long body"],
)
def test_after_an_odd_request_the_connection_ends_and_the_next_one_is_answered(
    port: Port, request_bytes: bytes
) -> None:
    with port.connect() as connection:
        connection.sendall(request_bytes)
        assert ended(connection)
    assert_all_pages_answer(port)


def test_requests_leave_nothing_to_the_garbage_collector_which_a_worker_turns_off(port: Port) -> None:
    port.tell("collect")
    for _ in range(200):
        for page in (*PAGES, "/nowhere"):
            port.ask(page)
        with port.connect() as silent:
            silent.sendall(b"GET /live")
    assert port.tell("collect") < FEW_OBJECTS


def test_the_names_of_the_option_reach_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Settings] = []
    monkeypatch.setattr("ltv.commands.consume.run", lambda settings, *_: seen.append(settings))
    names = " a.example, b.example,"
    result = CliRunner().invoke(
        cli.app, ["consume", "--instance-id", "one", "--metrics-allowed-hosts", names]
    )
    assert result.exit_code == 0, result.output
    assert seen[0].metrics_allowed_hosts == ("a.example", "b.example")


def test_a_port_that_is_taken_is_one_line_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(Fatal, match=f"can't serve metrics on 127.0.0.1:{number}: .*--metrics-port"):
            serve(Metrics(), "127.0.0.1", number)
    with pytest.raises(Fatal, match="--metrics-port"):
        serve(Metrics(), "no-such-host.invalid", number)
    with pytest.raises(Fatal, match="ports end at 65535"):
        serve(Metrics(), "127.0.0.1", 65_536)
