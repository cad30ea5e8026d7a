"""Why a broker that can be reached does not take us: kafka-python 3.0 only says, in the end, that it timed out.

It logs the cause of each failed attempt, and goes on (dpkp/kafka-python, `KafkaConnectionManager._do_bootstrap`:
errors of the login never reach the caller). So the causes are taken from its log records; and where the address
speaks another protocol than the settings say, asking it in that one tells.
"""

import logging
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kafka import errors as kafka_errors

from contract.cluster import Cluster
from contract.errors import Fatal

PROBE_S: Final = 3.0

_API_VERSIONS: Final = struct.pack(">hhih", 18, 0, 1, -1)
_METADATA: Final = struct.pack(">hhihi", 3, 1, 2, -1, 0)


@contextmanager
def refusals(cluster: Cluster) -> Iterator[None]:
    """Where connecting fails in this block, say so if it is for settings that can't work.

    Raises:
        Fatal: a broker answers, and refuses these settings.
    """
    logger, causes = logging.getLogger("kafka.net"), _Causes()
    logger.addHandler(causes)
    try:
        yield
    except kafka_errors.KafkaTimeoutError:
        why = _wrong_login(causes.seen)
        for address in _addresses(cluster):
            why = why or _wrong_protocol(cluster.security_protocol, address)
        if why:
            raise Fatal(f"connecting to {cluster.bootstrap_servers}: {why}") from None
        raise
    finally:
        logger.removeHandler(causes)


class _Causes(logging.Handler):
    """Keeps the exceptions that log records carry."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.seen += [argument for argument in arguments if isinstance(argument, BaseException)]


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
