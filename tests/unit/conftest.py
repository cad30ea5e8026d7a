"""Fixtures of the unit tests."""

from collections.abc import Iterator

import pytest

from tests.implementations import BOTH, Implementation, in_use


@pytest.fixture(scope="module", params=BOTH)
def both(request: pytest.FixtureRequest) -> Iterator[Implementation]:
    """Run the module's tests on each implementation of the state."""
    with in_use(request.param):
        yield request.param


@pytest.fixture
def pure_python() -> Iterator[None]:
    """Run the test on the reference, whichever implementation is installed."""
    with in_use("python"):
        yield
