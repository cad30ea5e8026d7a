"""Connecting, and the cause of a failure: kafka-python itself reports only a timeout.

kafka-python logs the cause of each failed attempt and retries (dpkp/kafka-python,
`KafkaConnectionManager._do_bootstrap`: login errors never reach the caller). So this module takes the causes from
kafka-python's log records, and opens a separate connection (`cluster.probe`) to find out whether the broker speaks
another protocol than the settings name, or refuses the login.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from kafka import errors as kafka_errors

from cluster.errors import client_errors
from cluster.probe import Address, asks_for_login, login_refusal, speaks_plain_kafka, speaks_tls
from cluster.settings import Cluster
from contract.errors import Fatal, Retriable

_LOGIN_REFUSALS: Final[Mapping[type[Exception] | None, str]] = {
    kafka_errors.SaslAuthenticationFailedError: "refuses the login: check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, "
    "KAFKA_SASL_MECHANISM",
    kafka_errors.UnsupportedSaslMechanismError: "does not support this SASL mechanism: check KAFKA_SASL_MECHANISM",
    kafka_errors.IllegalSaslStateError: "asks for no login: {check}",
}

_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:.%\w]+\]|[^:\s\[\]]+)(?::(\d{1,5}))?")
_DEFAULT_PORT: Final = 9092
_MAX_PORT: Final = 65_535


def what_to_check(cause: str) -> str:
    """What an operator asks first, after the text of the last failure."""
    if "RequestTimedOutError" in cause:
        return "Something listens there and is silent: is it a Kafka broker, and does it hang?"
    return (
        "Is it running (`ltv broker start`, docker-compose up), "
        "and is KAFKA_BOOTSTRAP_SERVERS or --bootstrap-servers right?"
    )


@contextmanager
def connecting(cluster: Cluster, doing: str = "connecting to Kafka") -> Iterator[None]:
    """Raise kafka-python's errors in this block as ours; a timeout is raised with its cause.

    Raises:
        Fatal: a broker answers and refuses these settings, or the settings can't work with any broker.
        Retriable: no broker answers.
    """
    servers = cluster.bootstrap_servers
    addresses = [_address(server.strip()) for server in servers.split(",")]
    logger, logged = logging.getLogger("kafka"), _LoggedCauses()
    logger.addHandler(logged)
    try:
        with client_errors(f"{doing} at {servers}"):
            yield
    except (Fatal, Retriable) as error:
        if not isinstance(error.__cause__, kafka_errors.KafkaTimeoutError):
            raise
        probed = (_wrong_settings(cluster, address) for address in addresses)
        if why := _tls_failure(logged.causes) or next(filter(None, probed), ""):
            raise Fatal(f"{doing} at {servers}: {why}") from None
        cause = f" ({logged.last_text})" if logged.last_text else ""
        raise Retriable(
            f"no Kafka broker answers at {servers}{cause}. {what_to_check(logged.last_text)}"
        ) from None
    finally:
        logger.removeHandler(logged)


def silence_client_logs() -> None:
    """Turn off kafka-python's log of failed connections: at a terminal the one line of the error is enough."""
    logger = logging.getLogger("kafka")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False


def _address(server: str) -> Address:
    parts = _ADDRESS.fullmatch(server)
    port = int(parts[2] or _DEFAULT_PORT) if parts else 0
    if parts is None or not 0 < port <= _MAX_PORT:
        raise Fatal(
            f"KAFKA_BOOTSTRAP_SERVERS or --bootstrap-servers: {server!r} is not host:port; several brokers are "
            "separated by commas"
        )
    return parts[1].strip("[]"), port


class _LoggedCauses(logging.Handler):
    """Keeps the exceptions that log records carry, and the text of the last error."""

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


def _tls_failure(causes: list[BaseException]) -> str:
    """Why the TLS handshake failed, according to the client's log; "" if the log does not say."""
    for cause in causes:
        if "CERTIFICATE_VERIFY_FAILED" in str(cause):
            return (
                f"the broker's certificate is not trusted ({cause}): check KAFKA_SSL_CAFILE and the host name"
            )
        if "_ALERT_" in str(cause):
            return f"the broker ends the TLS connection ({cause}): check KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE"
    return ""


def _wrong_settings(cluster: Cluster, address: Address) -> str:
    """Which setting the broker at this address does not accept; "" if that is not certain."""
    at = f"{address[0]}:{address[1]}"
    check = f"check KAFKA_SECURITY_PROTOCOL (now {cluster.security_protocol}) and the port"
    if cluster.uses_tls and speaks_plain_kafka(address):
        return f"{at} does not speak TLS: {check}"
    if not cluster.uses_tls and speaks_tls(address):
        return f"{at} speaks TLS: {check}"
    tls = cluster.tls_context() if cluster.uses_tls else None
    if cluster.uses_login:
        refusal = login_refusal(cluster, address, tls)
        return f"{at} {_LOGIN_REFUSALS[refusal].format(check=check)}" if refusal in _LOGIN_REFUSALS else ""
    if asks_for_login(address, tls):
        return f"{at} asks for a login: {check}, and KAFKA_SASL_*"
    return ""
