"""Fixtures of the consumer's integration tests: plain Kafka, and an application for each test."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

pytest.register_assert_rewrite("tests.integration.application")

from tests.integration.application import Application, Keyed, Plain  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

NewTopic = Callable[..., str]
NewApplication = Callable[..., Application]


@pytest.fixture(scope="session")
def plain(kafka: str) -> Iterator[Plain]:
    with Plain(kafka) as plain:
        wait_until(plain.has_coordinators, "the broker's consumer group coordinators")
        yield plain


@pytest.fixture
def new_topic(plain: Plain) -> NewTopic:
    """Creates an events topic with a new name, and sends `records` to it."""

    def make(records: list[Keyed] | None = None, partitions: int = 3, **settings: str) -> str:
        name = f"events-{uuid4().hex[:8]}"
        plain.create_topic(name, partitions, **settings)
        plain.send(name, records or [])
        return name

    return make


@pytest.fixture
def new_application(plain: Plain, tmp_path: Path) -> Iterator[NewApplication]:
    """An application on an events topic; its processes end with the test."""
    made: list[Application] = []

    def make(events: str, **names: str) -> Application:
        made.append(Application(plain, tmp_path, events, **names))
        return made[-1]

    yield make
    for application in made:
        application.close()
