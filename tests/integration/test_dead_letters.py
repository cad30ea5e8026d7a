"""Records read = events ingested + dead letters, by partition and offset; limits stop the consumer before a commit."""

import random
from collections import Counter
from typing import Any

import pytest

from contract.dead_letters import MAX_PAYLOAD_BYTES
from tests.integration.application import Application, figures, shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.rubbish import RUBBISH
from tests.oracle import invalid_among, snapshot_of

SMALL = [(key, value) for key, value, _ in RUBBISH if len(value or b"") < 1_000]


@pytest.fixture
def mixed(new_topic: NewTopic, new_application: NewApplication) -> Application:
    """An application that has consumed a shop's events with rubbish of every kind among them."""
    records = shop(1_000, seed=21) + [(key, value) for key, value, _ in RUBBISH]
    random.Random(21).shuffle(records)
    application = new_application(new_topic(records, max_message_bytes="3000000"))
    application.backfill()
    return application


def test_every_invalid_record_becomes_one_dead_letter_with_its_reason_and_bytes(mixed: Application) -> None:
    mixed.assert_exact()
    origins = {(record.partition, record.offset): record for record in mixed.plain.read(mixed.events)}
    reasons = {}
    for letter, headers in mixed.dead_letters():
        place = int(headers["ltv.partition"]), int(headers["ltv.offset"])
        origin = origins[place]
        reasons[place] = headers["ltv.reason"]
        assert headers["ltv.topic"] == mixed.events
        assert headers["ltv.timestamp"] == str(origin.timestamp)
        assert headers["ltv.error"]
        assert (letter.partition, letter.key) == (origin.partition, origin.key)
        assert letter.value == expected_payload(origin, headers)
    assert reasons == invalid_among(mixed.records())
    assert Counter(reasons.values()) == Counter(reason for _, _, reason in RUBBISH)


def expected_payload(origin: Any, headers: dict[str, str]) -> bytes | None:
    """The original bytes; a header says if they could not be written so."""
    value: bytes | None = origin.value
    cut = value is not None and len(value) > MAX_PAYLOAD_BYTES
    nothing = origin.key is None and value is None
    assert headers.get("ltv.truncated-from") == (str(len(value or b"")) if cut else None)
    assert headers.get("ltv.was-null") == ("1" if nothing else None)
    return (value or b"")[:MAX_PAYLOAD_BYTES] if cut or nothing else value


def stopped_at_a_limit(application: Application, *limit: str) -> str:
    """The line that a consumer prints when it stops at a limit of invalid events."""
    ended = application.run("one", "--until-end", *limit)
    assert ended.code == 1, ended.log
    assert "Traceback" not in ended.log
    assert ended.last_line.startswith("ltv: ")
    return ended.last_line


def test_the_count_limit_stops_the_consumer_before_it_is_exceeded(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic(shop(50, seed=22) + SMALL[:3], partitions=1)
    application = new_application(topic)
    application.backfill("one", "--max-dead-letters", "3")
    application.plain.send(topic, SMALL[3:7] + shop(50, seed=23))
    line = stopped_at_a_limit(application, "--max-dead-letters", "3")
    assert "4 invalid events, more than --max-dead-letters 3 (" in line
    assert f"{topic}-0 at offset 56" in line
    assert 3 <= len(application.dead_letters()) <= 6
    application.backfill("one", "--max-dead-letters", "4")
    application.assert_exact()


def test_nothing_of_the_commit_that_would_exceed_a_limit_is_written(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    """The commit interval is longer than the run: all records are in one commit."""
    application = new_application(new_topic(shop(50, seed=24), partitions=1))
    before = application.backfill()
    application.plain.send(application.events, SMALL + shop(50, seed=25))
    limit = ("--max-dead-letters", str(len(SMALL) - 1), "--commit-interval-s", "3")
    line = stopped_at_a_limit(application, *limit)
    assert f"{len(SMALL)} invalid events" in line
    assert application.dead_letters() == []
    assert application.snapshots()[-1]["totals"] == before["totals"]
    application.backfill()
    application.assert_exact()


@pytest.mark.parametrize(
    "limit", [("--max-dead-letter-ratio", "0.4"), ("--max-consecutive-dead-letters", "500")], ids=" ".join
)
def test_a_limit_loses_no_valid_event_before_or_after_the_invalid_ones_and_stops_each_run(
    new_topic: NewTopic, new_application: NewApplication, limit: tuple[str, str]
) -> None:
    """A producer's bad deploy: valid events, then invalid ones only, then valid ones again."""
    application = new_application(new_topic(shop(1_500, seed=27), partitions=1))
    application.backfill("one", *limit)
    application.plain.send(application.events, shop(500, seed=28) + [(b"c1", b"rubbish")] * 2_000)
    stopped = [stopped_at_a_limit(application, *limit) for _ in range(2)]
    application.plain.send(application.events, shop(500, seed=29))
    stopped.append(stopped_at_a_limit(application, *limit))
    assert all("undecodable" in line and f"{application.events}-0 at offset" in line for line in stopped)
    at_stop = application.snapshots()[-1]
    offset = at_stop["coverage"]["partitions"][0]["next_offset"]
    before = [record for record in application.records() if record.offset < offset]
    assert offset >= 1_500
    assert figures(at_stop) == snapshot_of(before, 10, "active")
    application.backfill("one", "--max-dead-letter-ratio", "1")
    application.assert_exact()
    assert len(application.dead_letters()) == 2_000


def test_the_ratio_limit_stops_the_consumer_too(new_topic: NewTopic, new_application: NewApplication) -> None:
    records = shop(900, seed=26) + [(b"c1", b"rubbish")] * 300
    application = new_application(new_topic(records, partitions=1))
    line = stopped_at_a_limit(application, "--max-dead-letter-ratio", "0.2")
    assert "a larger share than --max-dead-letter-ratio 0.2" in line
    assert len(application.dead_letters()) <= 0.2 * len(records)
    application.backfill("one", "--max-dead-letter-ratio", "0.3")
    application.assert_exact()
