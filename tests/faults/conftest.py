"""What the fault tests start from: a broker for those who leave it alone, a seed that is printed, an application."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.brokers import one_node
from tests.faults.harness import Application, application


@pytest.fixture(scope="session")
def servers() -> Iterator[str]:
    """A broker that the faults in consumers and input leave alone."""
    with one_node() as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def seed() -> int:
    """Of the test's chance; LTV_TEST_SEED repeats one."""
    seed = int(os.environ.get("LTV_TEST_SEED") or random.randrange(10**6))
    print(f"seed {seed} (LTV_TEST_SEED={seed} repeats it)")
    return seed


@pytest.fixture
def app(servers: str, tmp_path: Path, seed: int) -> Iterator[Application]:
    """An application on the shared broker."""
    with application(servers, tmp_path, seed) as made:
        yield made
