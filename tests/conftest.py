"""One real Kafka for all tests of a process: in a container if Docker answers, otherwise the embedded broker.

LTV_TEST_BROKER=docker or =embedded forces one.
"""

import gc
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

import pytest
from docker import from_env
from docker.errors import DockerException
from hypothesis import settings

from broker.embedded import EmbeddedBroker
from broker.jars import KAFKA_VERSION
from broker.properties import HOST
from broker.readiness import free_port, is_ready
from tests.waiting import wait_until

IMAGE: Final = f"apache/kafka:{KAFKA_VERSION}"
settings.register_profile("ltv", deadline=None)  # No test asserts a timing.
settings.load_profile("ltv")

READY_S: Final = 90.0

# Under nohup, or behind `&`, signals are ignored, and would be by every process that a test starts and sends one to.
for ignored in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.default_int_handler if ignored is signal.SIGINT else signal.SIG_DFL)

# No broker of a test lives long enough for Java's slower compiler to pay.
os.environ.setdefault("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")


def pytest_report_header() -> str:
    """Name the broker of the integration tests."""
    return f"kafka: {_kind()} (LTV_TEST_BROKER=docker|embedded forces one)"


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a Kafka that only this process uses; each test uses its own topics."""
    if _kind() == "docker":
        with _container() as servers:
            yield servers
    else:
        with EmbeddedBroker() as broker:
            yield broker.bootstrap_servers


@cache
def _kind() -> str:
    forced = os.environ.get("LTV_TEST_BROKER")
    if forced not in {None, "", "docker", "embedded"}:
        raise pytest.UsageError(f"LTV_TEST_BROKER={forced}: must be docker or embedded")
    return forced or ("docker" if _docker_answers() else "embedded")


def _docker_answers() -> bool:
    with warnings.catch_warnings():
        # If there is a socket without a Docker engine, the package does not close its end.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = from_env(timeout=5)
            try:
                return bool(client.ping())
            finally:
                client.close()
        except DockerException:
            return False
        finally:
            gc.collect()


@contextmanager
def _container() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer

    port = free_port()
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{HOST}:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    }
    container = DockerContainer(IMAGE)
    container.ports[str(port)] = (HOST, port)  # type: ignore[assignment]  # with_bind_ports takes no address
    for name, value in settings.items():
        container.with_env(name, value)
    with container:
        wait_until(
            lambda: is_ready(port),
            f"{IMAGE} is ready",
            within_s=READY_S,
            state=lambda: b"".join(container.get_logs()).decode(errors="replace"),
        )
        yield f"{HOST}:{port}"
