"""One connection to one broker, to find out which protocol the broker speaks and whether it accepts the login.

kafka-python's clients hide these requests and their answers.
"""

import socket
import ssl
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self

from kafka import errors as kafka_errors
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.metadata import ApiVersionsRequest, MetadataRequest
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from cluster.settings import Cluster

PROBE_S: Final = 3.0
"""Timeout for connecting, and for each answer."""

Address = tuple[str, int]

_NO_ANSWER: Final = (OSError, kafka_errors.KafkaError)


class _Connection:
    """Sends one request at a time and returns its answer. Use it as a context manager."""

    def __init__(self, address: Address, tls: ssl.SSLContext | None) -> None:
        self._protocol = KafkaProtocol()
        with ExitStack() as opened:
            self._socket: socket.socket = opened.enter_context(socket.create_connection(address, PROBE_S))
            if tls:
                self._socket = opened.enter_context(tls.wrap_socket(self._socket, server_hostname=address[0]))
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def ask(self, request: Any) -> Any:
        """The broker's answer; raises OSError or KafkaError if there is none."""
        self._protocol.send_request(request)
        self._socket.sendall(self._protocol.send_bytes())
        while True:
            received = self._socket.recv(64 * 1024)
            if not received:
                raise ConnectionResetError("the broker has closed the connection")
            if answers := self._protocol.receive_bytes(received):
                return answers[0][1]


def speaks_plain_kafka(address: Address) -> bool:
    """Whether a Kafka broker answers at this address without TLS."""
    try:
        with _Connection(address, None) as connection:
            connection.ask(ApiVersionsRequest[0]())
    except _NO_ANSWER:
        return False
    return True


def asks_for_login(address: Address, tls: ssl.SSLContext | None) -> bool:
    """Whether the broker answers ApiVersions, which needs no login, and closes the connection after another request."""
    try:
        with _Connection(address, tls) as connection:
            connection.ask(ApiVersionsRequest[0]())
            try:
                connection.ask(MetadataRequest[1](topics=[]))
            except (ConnectionError, ssl.SSLEOFError):
                return True
    except _NO_ANSWER:
        pass
    return False


def speaks_tls(address: Address) -> bool:
    """Whether this address speaks TLS, no matter which certificates it has or asks for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with _Connection(address, context):
            return True
    except ssl.SSLError as error:
        return "ALERT" in str(
            error
        )  # A TLS alert, such as a missing client certificate, comes from a TLS server.
    except OSError:
        return False


def login_refusal(cluster: Cluster, address: Address, tls: ssl.SSLContext | None) -> type[Exception] | None:
    """The type of kafka-python's error for the broker's refusal of the login; None if the broker does not refuse.

    kafka-python itself often misses the refusal: if the answer and the end of the connection arrive together, it sees
    only the end.
    """
    settings = cluster.client_settings("ltv-probe")
    try:
        with _Connection(address, tls) as connection:
            answer = connection.ask(SaslHandshakeRequest[1](mechanism=cluster.sasl_mechanism))
            login = get_sasl_mechanism(cluster.sasl_mechanism)(host=address[0], **settings)
            while not answer.error_code and not login.is_done():
                answer = connection.ask(SaslAuthenticateRequest[1](auth_bytes=login.auth_bytes()))
                if not answer.error_code:
                    login.receive(answer.auth_bytes)
    except _NO_ANSWER:
        return None
    refusal: type[Exception] = kafka_errors.for_code(answer.error_code)
    return refusal if answer.error_code else None
