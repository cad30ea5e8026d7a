"""`ltv dead-letters redrive` sends each event back once, whole and to the right place, however often it is killed."""

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from os import environ
from typing import Any, Final

import pytest
from kafka import KafkaProducer

from administration.redrive import Redrive, RedriveOptions
from administration.redriven_marks import read_marks
from cluster.log_reader import LogReader
from cluster.settings import Cluster
from cluster.transactional_client import TransactionalClient
from contract.errors import Retriable
from contract.partitioners import PARTITIONERS
from contract.topics import Topics
from tests.integration.application import Application, shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.waiting import DEADLINE_S, wait_until

PARTITIONS: Final = 3
POINTS: Final = ("send", "before_commit", "in_flight", "after_commit")


def visit(customer: str, number: int) -> bytes:
    event = {
        "type": "SITE_VISIT",
        "verb": "NEW",
        "key": f"page-{number}",
        "event_time": f"2026-03-{number % 28 + 1:02d}T12:00:00Z",
        "customer_id": customer,
    }
    return json.dumps(event).encode()


def redrive(
    application: Application, *arguments: str, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends, with this exit code."""
    ended = subprocess.run(
        [sys.executable, "-m", "ltv", "dead-letters", "redrive", "--prefix", application.prefix, *arguments],
        env={**environ, "KAFKA_BOOTSTRAP_SERVERS": application.plain.servers, **environment},
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended


def result(application: Application, *arguments: str) -> Any:
    """The JSON of a run that ends well."""
    return json.loads(redrive(application, "--json", *arguments).stdout)


def visits_of(snapshot: Any) -> dict[str, int]:
    return {row["customer_id"]: row["visits"] for row in snapshot["rows"]}


def assert_equation(application: Application, snapshot: Any) -> None:
    """Check that records read = events ingested + dead letters."""
    totals = snapshot["totals"]
    on_topic = len(application.records())
    assert totals["events"] + totals["dead_letters"] == on_topic
    assert totals["dead_letters"] == len(application.dead_letters())


@pytest.fixture
def misplaced(new_topic: NewTopic, new_application: NewApplication) -> Application:
    """An application that has consumed a shop, visits with a wrong key, and visits on a wrong partition."""
    topic = new_topic(shop(300, seed=71), partitions=PARTITIONS)
    application = new_application(topic)
    with closing(KafkaProducer(bootstrap_servers=application.plain.servers)) as producer:
        for number in range(40):
            headers = [("trace", b"t-%d" % number), ("empty", b"")]
            producer.send(topic, visit("k1", number), key=b"wrong", headers=headers)
        elsewhere = (PARTITIONERS["murmur2"](b"p1", PARTITIONS) + 1) % PARTITIONS
        for number in range(30):
            producer.send(topic, visit("p1", number), key=b"p1", partition=elsewhere)
        producer.send(topic, b"no JSON", key=b"c1")
        producer.flush()
    application.backfill("one", "--max-dead-letter-ratio", "1", "--top", "1000")
    return application


def backfill(application: Application) -> Any:
    return application.backfill("one", "--max-dead-letter-ratio", "1", "--top", "1000")


def test_events_with_a_wrong_key_or_partition_are_mended_and_counted_once(misplaced: Application) -> None:
    before = len(misplaced.records())
    found = result(misplaced, "--set-key")
    assert found["redriven"] == {"wrong_key": 40, "wrong_partition": 30, "undecodable": 1}
    assert found["left"] == {}
    snapshot = backfill(misplaced)
    assert visits_of(snapshot)["k1"] == 40
    assert visits_of(snapshot)["p1"] == 30
    assert len(misplaced.records()) == before + 71
    assert_equation(misplaced, snapshot)


def test_a_second_run_sends_nothing_but_what_was_invalid_again(misplaced: Application) -> None:
    result(misplaced, "--set-key")
    backfill(misplaced)
    records = len(misplaced.records())
    again = result(misplaced, "--set-key")
    assert again["redriven"] == {"undecodable": 1}
    assert again["left"] == {"redriven_before": 71}
    assert len(misplaced.records()) == records + 1


def test_an_event_that_stays_invalid_is_left_after_the_last_attempt(misplaced: Application) -> None:
    for _ in range(2):
        assert result(misplaced, "--reason", "undecodable", "--max-attempts", "2")["redriven"]
        backfill(misplaced)
    last = result(misplaced, "--reason", "undecodable", "--max-attempts", "2")
    assert last["redriven"] == {}
    assert last["left"] == {"redriven_before": 2, "max_attempts": 1}


def test_a_redriven_event_has_its_bytes_key_and_headers(misplaced: Application) -> None:
    before = len(misplaced.records())
    result(misplaced, "--reason", "wrong_key", "--set-key")
    records = misplaced.plain.read(misplaced.events)
    sent = [record for record in records if dict(record.headers).get("ltv.attempts")]
    assert len(records) == before + len(sent) == before + 40
    for record in sent:
        number = int(json.loads(record.value)["key"].removeprefix("page-"))
        assert (record.key, record.value) == (b"k1", visit("k1", number))
        assert record.partition == PARTITIONERS["murmur2"](b"k1", PARTITIONS)
        expected = [("ltv.attempts", b"1"), ("trace", b"t-%d" % number), ("empty", b"")]
        assert list(record.headers) == expected


def test_a_dry_run_writes_nothing_and_says_what_would_be_left(misplaced: Application) -> None:
    before = len(misplaced.records())
    shown = redrive(misplaced, "--dry-run").stdout
    assert "to redrive: 31 dead letters" in shown
    assert "40  its key is not its customer's id: --set-key sets it" in shown
    assert len(misplaced.records()) == before
    assert not misplaced.plain.admin.describe_topics([f"{misplaced.prefix}.redriven"])[0]["partitions"]


@pytest.mark.parametrize(
    ("arguments", "redriven"),
    [
        (("--customer", "p1"), {"wrong_partition": 30}),
        (("--source", "no-such-topic"), {}),
        (("--since", "2200-01-01"), {}),
        (("--reason", "undecodable", "--since", "2020-01-01"), {"undecodable": 1}),
    ],
    ids=" ".join,
)
def test_filters_choose_the_letters(
    misplaced: Application, arguments: tuple[str, ...], redriven: dict[str, int]
) -> None:
    assert result(misplaced, "--dry-run", *arguments)["redriven"] == redriven


def test_the_place_of_a_record_chooses_its_letter(misplaced: Application) -> None:
    _, headers = misplaced.dead_letters()[-1]
    place = f"{headers['ltv.partition']}:{headers['ltv.offset']}"
    assert sum(result(misplaced, "--dry-run", "--set-key", "--source", place)["redriven"].values()) == 1


def test_kills_at_any_point_of_a_redrive_send_each_event_once(misplaced: Application) -> None:
    """A rate of 7 makes batches of 7 letters; the kills come at points of the second to the seventh of them."""
    chance = random.Random(17)
    before = len(misplaced.records())
    for point in (*POINTS, *POINTS):
        nth = chance.randrange(2, 8) if point == "send" else chance.randrange(1, 3)
        fault = f"{point}:{nth}:SIGKILL"
        redrive(misplaced, "--set-key", "--rate", "7", code=-signal.SIGKILL, LTV_TEST_FAULT_AT=fault)
    result(misplaced, "--set-key")
    assert len(misplaced.records()) == before + 71
    times = Counter(
        record.value
        for record in misplaced.plain.read(misplaced.events)
        if record.headers and dict(record.headers).get("ltv.attempts")
    )
    assert set(times.values()) == {1}
    assert len(times) == 71
    snapshot = backfill(misplaced)
    assert (visits_of(snapshot)["k1"], visits_of(snapshot)["p1"]) == (40, 30)
    assert_equation(misplaced, snapshot)


def test_a_second_redrive_stops_the_first_and_each_event_is_sent_once(misplaced: Application) -> None:
    before = len(misplaced.records())
    topics = Topics(misplaced.events, misplaced.prefix)
    result(misplaced, "--reason", "undecodable")
    cluster = Cluster(bootstrap_servers=misplaced.plain.servers)
    options = RedriveOptions(set_key=True)
    with (
        LogReader(cluster) as reader,
        closing(TransactionalClient(cluster, f"{misplaced.prefix}-redrive", 15.0)) as first,
    ):
        run = Redrive(reader, topics, options, read_marks(reader, topics), lambda topic: None)
        assert result(misplaced, "--set-key")["redriven"]
        with pytest.raises(Retriable, match="another redrive"):
            run.run(first, should_stop=lambda: False, clock=lambda: 0.0, sleep=lambda _: None)
    assert len(misplaced.records()) == before + 71


def test_sigterm_ends_a_slow_redrive_between_two_batches_and_the_next_run_goes_on(
    misplaced: Application,
) -> None:
    before = len(misplaced.records())
    command = [sys.executable, "-m", "ltv", "dead-letters", "redrive", "--prefix", misplaced.prefix]
    slow = subprocess.Popen(
        [*command, "--set-key", "--rate", "2"],
        env={**environ, "KAFKA_BOOTSTRAP_SERVERS": misplaced.plain.servers},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: len(misplaced.records()) > before, "a redriven event")
    slow.terminate()
    _, log = slow.communicate(timeout=DEADLINE_S)
    assert slow.returncode == 130, log
    assert "run it again" in log
    assert len(misplaced.records()) < before + 71
    result(misplaced, "--set-key")
    assert len(misplaced.records()) == before + 71
