"""Whatever records are on the topic, in whatever batches: each is counted once, or has one dead letter."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from tests.faults.harness import application
from tests.faults.invariants import hold
from tests.faults.load import RUBBISH, Sent

pytestmark = pytest.mark.faults_full

SECONDS: Final = 30
YEAR_9999_MS: Final = 253_370_764_800_000
ORDER: Final = {
    "type": "ORDER",
    "verb": "NEW",
    "event_time": "2026-01-01T00:00:00Z",
    "customer_id": "c",
    "total_amount": "1.00 USD",
}


def order(number: int, **fields: Any) -> bytes:
    return json.dumps(ORDER | {"key": f"o{number}"} | fields).encode()


ODD: Final = (
    Sent(b"c", order(1)[:-1], False),
    Sent(b"c", order(2, note="\xf8").replace(b"\\u00f8", b"\xf8"), False),
    Sent(b"c", order(3, note="x" * 900_000)),
    Sent(b"c", order(4, note="x" * 1_500_000), False),
    Sent(b"c", b"", False),
    Sent(b"c", None, False),
    Sent(None, order(5), False),
    Sent(b"", order(6), False),
    Sent(b"another", order(7), False),
    Sent(b"c\xff", order(8), False),
    Sent(b"c", order(9, event_time="0001-01-01T00:00:00Z")),
    Sent(b"c", order(10, event_time="9999-12-31T23:59:59.999Z")),
    Sent(b"c", order(11, event_time="0001-01-01T00:00:00+01:00"), False),
    Sent(b"c", order(12, event_time="10000-01-01T00:00:00Z"), False),
    Sent(b"c", order(13, total_amount="1000000000000000.00 USD")),
    Sent(b"c", order(14, total_amount="1000000000000000.01 USD"), False),
    Sent(b"c", b"[" * 100_000, False),
    Sent(b"c", b"[" + order(15) + b"]", False),
    Sent(b"c", b" \n" + order(16) + b"\n"),
)


def send(servers: str, topic: str, records: Iterable[Sent], *, end: str = "", **settings: Any) -> None:
    """Send records with a new producer; in a transaction if `end` says how to end it (commit or abort)."""
    names = {name.replace("_", "."): value for name, value in settings.items()}
    if end:
        names["transactional.id"] = str(uuid4())
    timestamp = names.pop("timestamp", 0)
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "message.max.bytes": 3_000_000,
            "partitioner": "murmur2_random",
            **names,
        }
    )
    if end:
        producer.init_transactions(SECONDS)
        producer.begin_transaction()
    for sent in records:
        headers: dict[str, Any] = {"trace": b"\x00\xff", "empty": None}
        if not sent.valid:
            headers[RUBBISH] = b"1"
        producer.produce(topic, sent.value, sent.key, headers=headers, timestamp=timestamp)
    assert producer.flush(SECONDS) == 0
    if end == "commit":
        producer.commit_transaction(SECONDS)
    elif end == "abort":
        producer.abort_transaction(SECONDS)


def test_every_record_is_counted_or_has_a_dead_letter_whatever_its_form(
    servers: str, tmp_path: Path, seed: int
) -> None:
    options = {"max_message_bytes": "3000000", "message_timestamp_after_max_ms": str(10**15)}
    with application(servers, tmp_path, seed, **options) as app:
        app.load.send(2_000)
        send(servers, app.events, ODD)
        for number, codec in enumerate(("gzip", "lz4", "snappy", "zstd")):
            packed = [Sent(f"{codec}{i}".encode(), order(i, customer_id=f"{codec}{i}")) for i in range(200)]
            send(servers, app.events, packed, compression_type=codec, linger_ms=50)
            end = "commit" if number % 2 else "abort"
            send(servers, app.events, packed, compression_type=codec, linger_ms=50, end=end)
        for timestamp in (1, YEAR_9999_MS):
            send(servers, app.events, [Sent(b"c", order(20))], timestamp=timestamp)
        send(servers, app.events, ODD, end="abort")
        running = app.start()
        expected = 2_000 + len(ODD) + 6 * 200 + 2
        app.wait_for(expected, running)
        send(servers, app.events, ODD, end="commit")
        app.wait_for(expected + len(ODD), running)
        hold(app)
        app.start("one", "--until-end", "--basis", "timeframe").wait()
        hold(app, basis="timeframe")
