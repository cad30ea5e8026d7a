"""A worker within the test's process, where the test can shrink its constants or make its steps fail."""

import gc
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from cluster.settings import Cluster
from consumer.metrics import Metrics
from consumer.settings import Settings
from consumer.stream.owned_customers import PresentCustomers
from consumer.stream.transport import kafka_python
from consumer.stream.worker import work
from contract.errors import Retriable
from contract.topics import Topics
from tests.integration.application import Application, shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.rubbish import RUBBISH

SMALL_RUBBISH = [(key, value) for key, value, _ in RUBBISH if len(value or b"") < 1_000]

RECORDS_AT_ONCE: Final = "cluster.fetched.RECORDS_AT_ONCE"
"""A poll returns about this number of records, and at least one batch of the producer's."""

Commit = Callable[..., None]


@pytest.fixture(autouse=True)
def _collector_as_before() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


def backfill(application: Application) -> None:
    """Consume all records on the topic, in this process."""
    settings = Settings(
        Cluster(bootstrap_servers=application.plain.servers),
        Topics(application.events, application.prefix),
        group=application.group,
        instance_id="one",
        commit_interval_s=0.0,  # After every poll.
        snapshot_interval_s=0.2,
        transaction_timeout_s=15.0,
        until_end=True,
    )
    work(settings, Metrics(), PresentCustomers(), lambda: False)


def test_rewrites_trim_the_changelog_and_its_rest_restores_the_same_state(
    monkeypatch: pytest.MonkeyPatch, new_topic: NewTopic, new_application: NewApplication
) -> None:
    monkeypatch.setattr("consumer.stream.partition.MIN_REWRITE_BYTES", 5_000)
    monkeypatch.setattr(RECORDS_AT_ONCE, 100)
    topic = new_topic(partitions=2)
    application = new_application(topic)
    starts = [(0, 0)]
    for seed in range(5):
        application.plain.send(topic, shop(800, seed=40 + seed) + SMALL_RUBBISH)
        backfill(application)
        bounds = application.plain.bounds(f"{application.prefix}.changelog")
        starts.append((bounds[0][0], bounds[1][0]))
    for number in (0, 1):
        of_partition = [start[number] for start in starts]
        assert of_partition == sorted(of_partition)
        assert len(set(of_partition)) >= 3, "trimmed more than once"
    application.assert_exact()
    # A separate process, with the usual sizes, restores from the trimmed changelog.
    application.backfill("other")
    application.assert_exact()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("failing_commit", [1, 2, 5])
def test_a_commit_that_fails_begins_a_new_session_and_the_figures_are_exact(
    monkeypatch: pytest.MonkeyPatch,
    new_topic: NewTopic,
    new_application: NewApplication,
    when: str,
    failing_commit: int,
) -> None:
    """If `when` is "after", the transaction is committed, and the worker can't know it."""
    commits = 0
    producer: Any = kafka_python._Producer
    commit: Commit = producer.commit

    def fail_once(self: Any, *arguments: Any) -> None:
        nonlocal commits
        commits += 1
        if commits == failing_commit and when == "before":
            raise Retriable("the test says so")
        commit(self, *arguments)
        if commits == failing_commit and when == "after":
            raise Retriable("the test says so")

    monkeypatch.setattr(producer, "commit", fail_once)
    monkeypatch.setattr(RECORDS_AT_ONCE, 20)
    monkeypatch.setattr("consumer.stream.worker.FIRST_BACKOFF_S", 0.05)
    application = new_application(new_topic(shop(800, seed=50) + SMALL_RUBBISH, partitions=2))
    backfill(application)
    assert commits > failing_commit
    application.assert_exact()
