"""With --max-event-time-ahead, an event later than its record is invalid; the consumer's clock decides nothing."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cluster.record_batch import Chunk, Origin
from cluster.settings import Cluster
from consumer.settings import Settings
from consumer.stream.event_time_limit import EPOCH, MAX_TIMESTAMP_MS, record_time
from consumer.stream.partition import Partition

pytestmark = pytest.mark.usefixtures("both")

NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)


def visit(at: datetime) -> bytes:
    event = {
        "type": "SITE_VISIT",
        "verb": "NEW",
        "key": "p",
        "event_time": at.isoformat(),
        "customer_id": "c",
    }
    return json.dumps(event).encode()


def ingested(values: list[bytes], timestamps: list[datetime], ahead_s: float | None) -> Partition:
    partition = Partition(0, Settings(Cluster(), max_event_time_ahead_s=ahead_s), 1)
    origins = [Origin(int(at.timestamp() * 1000), b"\0") for at in timestamps]
    partition.ingest(Chunk(range(len(values)), [b"c"] * len(values), list(values), lambda: origins))
    return partition


def test_an_event_later_than_its_record_by_more_than_the_limit_is_invalid() -> None:
    late = timedelta(seconds=61)
    values = [
        visit(NOON),
        visit(NOON + late),
        b"{",
        visit(NOON + timedelta(seconds=60)),
        visit(NOON + 2 * late),
    ]
    partition = ingested(values, [NOON, NOON, NOON, NOON, NOON + timedelta(seconds=61)], 60)
    assert partition.state.totals().events == 2
    found = [
        (dict(letter.headers)["ltv.offset"], dict(letter.headers)["ltv.reason"]) for letter in partition.dead
    ]
    assert found == [(b"1", b"invalid_field"), (b"2", b"undecodable"), (b"4", b"invalid_field")]
    assert b"--max-event-time-ahead 60 s" in (dict(partition.dead[0].headers)["ltv.error"] or b"")


def test_without_the_limit_every_event_time_is_valid() -> None:
    assert ingested([visit(datetime(9999, 12, 31, tzinfo=UTC))], [NOON], None).state.totals().events == 1


@pytest.mark.parametrize(
    ("timestamp_ms", "expected"),
    [
        (0, EPOCH),
        (-1, EPOCH),
        (-(1 << 63), EPOCH),
        (1_577_880_000_000, NOON),
        ((1 << 63) - 1, datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        (MAX_TIMESTAMP_MS, datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ],
)
def test_a_timestamp_outside_the_range_of_times_becomes_its_nearest_end(
    timestamp_ms: int, expected: datetime
) -> None:
    assert record_time(timestamp_ms) == expected
