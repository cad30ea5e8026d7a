"""Connecting to the cluster from a command: what fails comes out as one line with the address and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from kafka import errors as kafka_errors

from contract.cluster import Cluster
from contract.errors import Fatal, Retriable
from contract.refusal import refusals


@contextmanager
def cluster_errors(cluster: Cluster, doing: str) -> Iterator[None]:
    """Turn kafka-python's errors into ours: no rights or wrong settings are `Fatal`, the rest is `Retriable`."""
    at = f"{doing} at {cluster.bootstrap_servers}"
    try:
        with refusals(cluster):
            yield
    except (
        kafka_errors.AuthorizationError,
        kafka_errors.SaslAuthenticationFailedError,
        kafka_errors.KafkaConfigurationError,
        kafka_errors.UnsupportedVersionError,
    ) as error:
        raise Fatal(
            f"{at}: {described(error)}; check KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_*, KAFKA_SSL_*"
        ) from error
    except kafka_errors.KafkaError as error:
        raise Retriable(
            f"{at}: {described(error)}; does Kafka run there? (KAFKA_BOOTSTRAP_SERVERS)"
        ) from error


def described(error: Exception) -> str:
    """The error's name and text, the name once."""
    name, text = type(error).__name__, str(error)
    return text if name in text else f"{name}: {text}"
