"""Answers are received whole, however the network cuts them; over TCP and TLS, on a connection of kafka-python's."""

import socket
import ssl
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from threading import Thread
from typing import Any, Final

import kafka
import pytest
from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient
from kafka.net.connection import KafkaConnection
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport
from kafka.protocol.metadata import ApiVersionsRequest
from kafka.protocol.parser import KafkaProtocol
from structlog.testing import capture_logs

from cluster import frames
from cluster.frames import PIECE_BYTES, frame_client, left_off
from cluster.settings import Cluster
from consumer.settings import Settings
from consumer.stream.worker import _log_start
from tests.certificates import Certificates

SIZES: Final = (0, 12, 1)
"""The answers' sizes: how many requests each says that the broker knows, of six bytes."""
LARGE: Final = 100_000
MAX_FRAME_BYTES: Final = 1_000_000
LATER: Final = 0.05
"""How long the client waits for the socket at once, in seconds; what has arrived it reads at once."""


def answer(correlation_id: int, size: int) -> bytes:
    """The frame of an ApiVersions answer."""
    known = b"".join(struct.pack(">hhh", i % 1_000, 0, 9) for i in range(size))
    body = struct.pack(">ihi", correlation_id, 0, size) + known
    return struct.pack(">i", len(body)) + body


class Wire:
    """A connection of kafka-python's, and the broker's end of its socket."""

    def __init__(self, client: socket.socket, broker: Any, transport: Any) -> None:
        self._client, self.broker = client, broker
        self.net = transport._net
        self.connection = KafkaConnection(self.net, node_id=1, receive_message_max_bytes=MAX_FRAME_BYTES)
        self.parser_saw: list[int] = []
        self.connection.connection_made(transport)
        receive_bytes = self.connection.parser.receive_bytes

        def spied(data: bytes) -> Any:
            self.parser_saw.append(len(data))
            return receive_bytes(data)

        self.connection.parser.receive_bytes = spied

    def ask(self, n: int) -> list[Any]:
        """Send n requests, with the correlation ids from 1 on; their answers to come."""
        return [self.connection._send_request(ApiVersionsRequest[0]()) for _ in range(n)]

    def arrive(self, some: bytes) -> None:
        """The broker sends these bytes, and the client reads all of them."""
        self.broker.sendall(some)
        self.turn_until_read()

    def turn_until_read(self) -> None:
        """Run the client's loop until nothing is left in its socket."""
        self.net._poll_once(LATER)
        while not self.connection.closed and self._unread():
            self.net._poll_once(LATER)

    def _unread(self) -> bytes:
        try:
            # The socket's own bytes, encrypted or not; an `SSLSocket` has no peek.
            return socket.socket.recv(self._client, 1, socket.MSG_PEEK)
        except BlockingIOError:
            return b""


def connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        broker, _ = server.accept()
    broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client, broker


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(params=["TCP", "TLS"])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    client, broker = connected()
    net = NetworkSelector()
    if request.param == "TCP":
        client.setblocking(False)
        transport = KafkaTCPTransport(net, client, host="127.0.0.1")
    else:
        files: Certificates = request.getfixturevalue("certificates")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.broker_store)
        transport = KafkaSSLTransport(net, client, host="127.0.0.1", ssl_cafile=files.ca)
        shaking = Thread(target=transport._sock.do_handshake)
        shaking.start()
        broker = context.wrap_socket(broker, server_side=True)
        shaking.join()
        client = transport._sock
        client.setblocking(False)
    transport.__class__ = frames._READING_FRAMES[type(transport)]
    wire = Wire(client, broker, transport)
    with closing(net), closing(broker):
        yield wire
        wire.connection.close()


def sizes_of(futures: list[Any]) -> list[int]:
    return [len(future.value.api_keys) for future in futures]


def test_answers_cut_at_every_byte_are_received(wire: Wire) -> None:
    length = len(b"".join(answer(1, size) for size in SIZES))
    for cut in range(1, length):
        first = wire.connection.parser._correlation_id + 1
        sent = b"".join(answer(first + i, size) for i, size in enumerate(SIZES))
        futures = wire.ask(len(SIZES))
        wire.arrive(sent[:cut])
        whole = [len(sent[:cut]) >= len(b"".join(answer(1, s) for s in SIZES[: i + 1])) for i in range(3)]
        assert [future.is_done for future in futures] == whole
        wire.arrive(sent[cut:])
        assert sizes_of(futures) == list(SIZES)


def test_a_long_answer_is_received_byte_by_byte_up_to_its_length_and_from_there_at_once(wire: Wire) -> None:
    futures, sent = wire.ask(2), answer(1, 5_000) + answer(2, 3)
    for i in range(8):
        wire.arrive(sent[i : i + 1])
    wire.arrive(sent[8:-40])
    assert not futures[0].is_done
    wire.arrive(sent[-40:])
    assert sizes_of(futures) == [5_000, 3]


def test_a_long_answer_goes_past_the_parser_into_the_frames_buffer(wire: Wire) -> None:
    futures = wire.ask(1)
    sending = Thread(target=wire.broker.sendall, args=(answer(1, LARGE),))
    sending.start()
    while not futures[0].is_done:
        wire.turn_until_read()
    sending.join()
    assert sizes_of(futures) == [LARGE]
    assert sum(wire.parser_saw) <= PIECE_BYTES + 1


def test_answers_that_share_a_segment_are_received_in_one_turn(wire: Wire) -> None:
    """In one TLS record, too: what it holds in memory makes no socket readable."""
    sizes = (1, 900, 0, 1_500, 2)
    futures = wire.ask(5)
    wire.arrive(b"".join(answer(1 + i, size) for i, size in enumerate(sizes)))
    assert sizes_of(futures) == list(sizes)


@pytest.mark.parametrize("sent", [0, 2, 4, 9, 5_000, 6_013])
def test_an_answer_that_the_brokers_end_cuts_off_fails(wire: Wire, sent: int) -> None:
    futures = wire.ask(1)
    wire.arrive(answer(1, 1_000)[:sent] if sent else b"")
    wire.broker.close()
    wire.turn_until_read()
    assert "socket disconnected" in str(futures[0].exception)
    assert wire.connection.closed


def test_an_answer_that_arrives_with_the_connections_end_is_received(wire: Wire) -> None:
    futures = wire.ask(1)
    wire.broker.sendall(answer(1, 3))
    wire.broker.close()
    wire.turn_until_read()
    assert sizes_of(futures) == [3]
    assert wire.connection.closed


@pytest.mark.parametrize(
    "first", [b"HTTP/1.1 400 Bad Request\r\n", b"\x15\x03\x03\x00\x02\x02\x50", b"\xff" * 8]
)
def test_a_length_that_no_answer_has_is_refused_before_there_is_a_buffer(wire: Wire, first: bytes) -> None:
    futures = wire.ask(1)
    tracemalloc.start()
    wire.arrive(first)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(futures[0].exception, kafka_errors.InvalidReceiveError)
    assert wire.connection.closed
    assert peak < 1_000_000


def test_an_answer_to_another_request_ends_the_connection(wire: Wire) -> None:
    futures = wire.ask(1)
    wire.arrive(answer(7, 2_000))
    assert isinstance(futures[0].exception, kafka_errors.CorrelationIdError)
    assert wire.connection.closed


def logged_at_start() -> list[Any]:
    with capture_logs() as logged:
        _log_start(Settings(Cluster(bootstrap_servers="nowhere:1")))
    return [line for line in logged if line["event"] != "started"]


def test_the_installed_kafka_python_is_known() -> None:
    assert (left_off(), logged_at_start()) == ("", [])


@pytest.mark.parametrize(
    ("owner", "name", "value", "said"),
    [
        (kafka, "__version__", "3.1.0", "kafka-python 3.1.0 is not 3.0.x"),
        (KafkaTCPTransport, "_read_from_sock", None, "has no _read_from_sock"),
        (KafkaProtocol, "__init__", lambda _self: None, "has no _rbuffer"),
    ],
)
def test_with_another_kafka_python_its_own_client_is_used(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, value: Any, said: str
) -> None:
    if value is None:
        monkeypatch.delattr(owner, name)
    else:
        monkeypatch.setattr(owner, name, value)
    assert said in left_off()
    assert [line["cause"] for line in logged_at_start()] == [left_off()]
    client = frame_client()
    client.close()
    assert (type(client), type(client._manager).__name__) == (KafkaNetClient, "KafkaConnectionManager")
