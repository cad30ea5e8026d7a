"""Connecting, and why it failed: kafka-python only says, in the end, that it timed out.

It logs the cause of each failed attempt and goes on (dpkp/kafka-python, `KafkaConnectionManager._do_bootstrap`:
errors of the login never reach the caller). So the causes are taken from its log records; and a raw request shows
where the address speaks another protocol than the settings say.
"""

import logging
import re
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kafka import errors as kafka_errors

from cluster.errors import client_errors
from cluster.settings import Cluster
from contract.errors import Fatal, Retriable

PROBE_S: Final = 3.0

_API_VERSIONS: Final = struct.pack(">hhih", 18, 0, 1, -1)
_METADATA: Final = struct.pack(">hhihi", 3, 1, 2, -1, 0)
_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:.%\w]+\]|[^:\s\[\]]+)(:\d{1,5})?")


@contextmanager
def connecting(cluster: Cluster, doing: str = "connecting to Kafka") -> Iterator[None]:
    """In this block kafka-python's errors are ours, and one that only says "timed out" is explained.

    Raises:
        Fatal: a broker answers and refuses these settings, or they can't work at all.
        Retriable: no broker answers.
    """
    servers = cluster.bootstrap_servers
    _check_addresses(servers)
    logger, logged = logging.getLogger("kafka"), _LoggedCauses()
    logger.addHandler(logged)
    try:
        with client_errors(f"{doing} at {servers}"):
            yield
    except (Fatal, Retriable) as error:
        if not isinstance(error.__cause__, kafka_errors.KafkaTimeoutError):
            raise
        if why := _wrong_login(logged.causes) or _wrong_protocols(cluster):
            raise Fatal(f"{doing} at {servers}: {why}") from None
        cause = f" ({logged.last_text})" if logged.last_text else ""
        raise Retriable(
            f"no Kafka broker answers at {servers}{cause}. Is it running (`ltv broker start`, docker-compose up), "
            "and is KAFKA_BOOTSTRAP_SERVERS or --bootstrap-servers right?"
        ) from None
    finally:
        logger.removeHandler(logged)


def silence_client_logs() -> None:
    """kafka-python logs each failed connection; to a person at a terminal, one plain error line is enough."""
    logger = logging.getLogger("kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def _check_addresses(servers: str) -> None:
    for server in servers.split(","):
        if not _ADDRESS.fullmatch(server.strip()):
            raise Fatal(f"{server!r} is not host:port; several brokers are separated by commas")


class _LoggedCauses(logging.Handler):
    """Keeps the exceptions that log records carry, and the last error's text."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.causes: list[BaseException] = []
        self.last_text = ""

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.causes += [argument for argument in arguments if isinstance(argument, BaseException)]
        text = record.getMessage()
        if not text.startswith("Bootstrap"):
            self.last_text = text.rpartition("Connection lost: ")[2]


def _wrong_protocols(cluster: Cluster) -> str:
    return next(
        filter(None, (_wrong_protocol(cluster.security_protocol, at) for at in _addresses(cluster))), ""
    )


def _wrong_login(causes: list[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, kafka_errors.SaslAuthenticationFailedError):
            return "the broker refuses the login: check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_SASL_MECHANISM"
        if isinstance(cause, kafka_errors.UnsupportedSaslMechanismError) or "sasl mechanism" in str(cause):
            return f"the broker does not know this way to log in ({cause}): check KAFKA_SASL_MECHANISM"
        if "CERTIFICATE_VERIFY_FAILED" in str(cause):
            return f"the broker's certificate is not trusted ({cause}): check KAFKA_SSL_CAFILE and the host's name"
    return ""


def _addresses(cluster: Cluster) -> Iterator[tuple[str, int]]:
    for server in cluster.bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        if host and port.isdigit():
            yield host.strip("[]"), int(port)


def _wrong_protocol(protocol: str, address: tuple[str, int]) -> str:
    """What the broker speaks, where that is surely not what the settings say; "" else."""
    at = f"{address[0]}:{address[1]}"
    check = f"check KAFKA_SECURITY_PROTOCOL (now {protocol}) and the port"
    if "SSL" in protocol:
        return (
            f"{at} does not speak TLS, but plain Kafka: {check}" if _answers(address, _API_VERSIONS) else ""
        )
    if _speaks_tls(address):
        return f"{at} speaks TLS: {check}"
    if protocol == "PLAINTEXT" and _answers(address, _API_VERSIONS) and not _answers(address, _METADATA):
        return f"{at} asks for a login: {check}, and KAFKA_SASL_*"
    return ""


def _answers(address: tuple[str, int], request: bytes) -> bool:
    try:
        with socket.create_connection(address, PROBE_S) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(8, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(answer) == 8 and answer[4:] == request[4:8]


def _speaks_tls(address: tuple[str, int]) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection(address, PROBE_S) as plain, context.wrap_socket(plain):
            return True
    except ssl.SSLError as error:
        return "ALERT" in str(error)  # It knows TLS, and wants our certificate, or so.
    except OSError:
        return False
