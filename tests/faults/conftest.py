"""Fixtures of the fault tests: a shared broker, a printed seed, an application."""

import os
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from broker.embedded import EmbeddedBroker
from contract.errors import Fatal
from contract.native_core import NATIVE_VARIABLE
from tests.faults.brokers import one_node, three_nodes
from tests.faults.harness import Application, application
from tests.implementations import NATIVE


@pytest.fixture(scope="session")
def servers() -> Iterator[str]:
    """A broker for tests whose faults are in consumers or input."""
    with one_node() as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def seed() -> int:
    """The seed of the test's random numbers; LTV_TEST_SEED sets it, to repeat a run."""
    seed = int(os.environ.get("LTV_TEST_SEED") or random.randrange(10**6))
    print(f"seed {seed} (LTV_TEST_SEED={seed} repeats it)")
    return seed


@pytest.fixture
def app(servers: str, tmp_path: Path, seed: int) -> Iterator[Application]:
    """An application on the shared broker."""
    with application(servers, tmp_path, seed) as made:
        yield made


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[EmbeddedBroker]]:
    """Three nodes for all tests of a module; all of them run at the end of each test."""
    with three_nodes() as running:
        yield running


@pytest.fixture
def replicated_app(nodes: list[EmbeddedBroker], tmp_path: Path, seed: int) -> Iterator[Application]:
    """An application whose topics have three replicas, with min.insync.replicas 2."""
    for node in nodes:
        with suppress(Fatal):  # It already runs, unless an earlier test has failed.
            node.start()
    servers = ",".join(node.bootstrap_servers for node in nodes)
    with application(servers, tmp_path, seed, replication=3, min_insync_replicas="2") as made:
        yield made


@pytest.fixture(params=["native", "python"])
def either_core(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test's programs on the native core, and again without it."""
    if request.param == "native" and NATIVE is None:
        pytest.skip("the native core is not installed (make native)")
    if request.param == "python":
        monkeypatch.setenv(NATIVE_VARIABLE, "0")
