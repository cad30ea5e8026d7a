"""`ltv publish` and `ltv produce` on a real Kafka: the records that they report are on the topic, keyed by customer."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from broker.readiness import free_port
from contract.decode import decode_event
from contract.errors import InvalidEvent
from producer.delivery import Faults, generated
from tests.integration.application import Plain, wait_until
from tests.integration.conftest import NewTopic

LTV = (sys.executable, "-m", "ltv")
TIMEOUT_S = 120


def run(plain: Plain, topic: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LTV, *arguments, "--events-topic", topic, "--bootstrap-servers", plain.servers],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def is_valid(value: bytes) -> bool:
    try:
        decode_event(value)
    except InvalidEvent:
        return False
    return True


def customer_of(value: bytes) -> bytes:
    event: Any = json.loads(value)
    return str(event["key"] if event["type"] == "CUSTOMER" else event["customer_id"]).encode()


@pytest.fixture
def lines() -> list[bytes]:
    return [event.value for event in generated(2_000, seed=3, faults=Faults(0.1, 0.05, 0.02))]


def test_valid_events_are_sent_with_their_keys_and_invalid_ones_are_reported_and_written_to_a_file(
    plain: Plain, new_topic: NewTopic, tmp_path: Path, lines: list[bytes]
) -> None:
    file, rejects, topic = tmp_path / "events.ndjson", tmp_path / "rejects.ndjson", new_topic()
    file.write_bytes(b"\n".join(lines))
    done = run(plain, topic, "publish", str(file), "--rejects", str(rejects))
    assert done.returncode == 0, done.stderr
    valid = [value for value in lines if is_valid(value)]
    records = plain.read(topic)
    assert sorted(record.value for record in records) == sorted(valid)
    assert all(record.key == customer_of(record.value) for record in records)
    assert f"{len(valid):,} events delivered to {topic}" in done.stderr
    again = run(plain, new_topic(), "publish", str(file), "--json")
    result = json.loads(again.stdout)
    assert (result["delivered"], sum(result["not_sent"].values())) == (len(valid), len(lines) - len(valid))
    first_bad = next(number for number, value in enumerate(lines, 1) if not is_valid(value))
    assert f"events.ndjson:{first_bad}: " in done.stderr
    assert len(rejects.read_bytes().splitlines()) == len(lines) - len(valid)


def test_the_events_of_one_customer_stay_in_one_partition(
    plain: Plain, new_topic: NewTopic, tmp_path: Path, lines: list[bytes]
) -> None:
    file, topic = tmp_path / "events.ndjson", new_topic(partitions=3)
    file.write_bytes(b"\n".join(lines))
    assert run(plain, topic, "publish", str(file)).returncode == 0
    partitions: dict[bytes, set[int]] = {}
    for record in plain.read(topic):
        partitions.setdefault(record.key, set()).add(record.partition)
    assert all(len(numbers) == 1 for numbers in partitions.values())
    assert set.union(*partitions.values()) == {0, 1, 2}


def test_as_is_sends_every_line_without_a_key_if_none_can_be_decoded(
    plain: Plain, new_topic: NewTopic, tmp_path: Path
) -> None:
    file, topic = tmp_path / "raw.ndjson", new_topic()
    sent = [b"rubbish", b'{"type":"NONE","customer_id":"c1"}', b"\xff\xfe", b"42"]
    file.write_bytes(b"\n".join(sent))
    assert run(plain, topic, "publish", str(file), "--as-is").returncode == 0
    found = {record.value: record.key for record in plain.read(topic)}
    assert found == {sent[0]: None, sent[1]: b"c1", sent[2]: None, sent[3]: None}


def test_records_that_the_topic_rejects_are_counted_and_the_exit_code_is_1(
    plain: Plain, new_topic: NewTopic, tmp_path: Path
) -> None:
    file, topic = tmp_path / "raw.ndjson", new_topic(max_message_bytes="2000")
    file.write_bytes(b'{"customer_id":"c1"}\n{"customer_id":"c1","x":"' + b"x" * 5_000 + b'"}\n')
    done = run(plain, topic, "publish", str(file), "--as-is")
    assert done.returncode == 1
    assert f"1 of 2 records was not delivered to {topic}: " in done.stderr
    assert "Traceback" not in done.stderr


def test_an_event_too_large_for_its_topic_is_named_and_its_neighbours_arrive_once(
    plain: Plain, new_topic: NewTopic, tmp_path: Path
) -> None:
    file, rejects, topic = (
        tmp_path / "padded.ndjson",
        tmp_path / "r.ndjson",
        new_topic(partitions=1, max_message_bytes="600"),
    )
    events = [
        b'{"type":"CUSTOMER","verb":"NEW","key":"k%d","event_time":"2017-01-01T00:00:00Z","pad":"%b"}'
        % (number, b"x" * (1_000 if number % 10 == 1 else 10))
        for number in range(100)
    ]
    file.write_bytes(b"\n".join(events))
    done = run(plain, topic, "publish", str(file), "--rejects", str(rejects))
    assert done.returncode == 1
    assert f"{file}:2: oversize: " in done.stderr
    assert f"10 of 100 records were not delivered to {topic}: " in done.stderr
    assert f"10 events not sent: oversize 10; written to {rejects}" in done.stderr
    assert f"90 events delivered to {topic}" in done.stderr
    fitting = [event for event in events if len(event) < 600]
    assert sorted(record.value for record in plain.read(topic)) == sorted(fitting)
    kept = [json.loads(line) for line in rejects.read_bytes().splitlines()]
    assert [each["line"] for each in kept] == list(range(2, 101, 10))
    assert [each["event"].encode() for each in kept] == [event for event in events if event not in fitting]


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (b"rubbish\n", [], 3),
        (b"rubbish\n{valid}", [], 0),
        (b"rubbish\n{valid}", ["--strict"], 3),
        (b"", [], 0),
    ],
)
def test_the_exit_code_says_whether_events_were_invalid(
    plain: Plain, new_topic: NewTopic, tmp_path: Path, content: bytes, options: list[str], code: int
) -> None:
    valid = b'{"type":"CUSTOMER","verb":"NEW","key":"c","event_time":"2017-01-01T00:00:00Z"}'
    file, topic = tmp_path / "events.ndjson", new_topic()
    file.write_bytes(content.replace(b"{valid}", valid))
    done = run(plain, topic, "publish", str(file), *options)
    assert done.returncode == code
    assert f"{'1 event' if b'valid' in content else '0 events'} delivered to {topic}" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_publish_that_is_stopped_says_what_was_delivered(
    plain: Plain, new_topic: NewTopic, tmp_path: Path, number: signal.Signals, lines: list[bytes]
) -> None:
    fifo, rejects, topic = tmp_path / "fifo", tmp_path / "rejects.ndjson", new_topic()
    os.mkfifo(fifo)
    command = ["publish", str(fifo), "--rejects", str(rejects)]
    where = ["--events-topic", topic, "--bootstrap-servers", plain.servers]
    log = tmp_path / "log"
    with (
        log.open("w") as stderr,
        subprocess.Popen([*LTV, *command, *where], stderr=stderr, text=True) as running,
        fifo.open("wb") as events,
    ):
        events.write(b"\n".join(lines))
        events.flush()
        wait_until(lambda: plain.read(topic), "events", failing=lambda: "ended" if running.poll() else "")
        said = stop(running, number, log)
    assert running.returncode == 130, said
    last = said.splitlines()[-1]
    assert last.startswith(
        f"stopped: {len(plain.read(topic)):,} events delivered to {topic}, 0 not delivered, 0 sent"
    )
    assert last.endswith(f"{rejects} was not written")
    assert not rejects.exists()


def stop(running: subprocess.Popen[str], number: signal.Signals, log: Path) -> str:
    """Stop the process with the signal; returns what it has written to its log.

    The signal is sent again each second until the log says that the process stops: a signal that arrives just before
    a blocking read is seen by Python when the read returns, and the read of an open pipe never does. Not later: while
    Python ends, a signal kills.
    """
    signalled_at = -1.0
    while running.poll() is None and "stopped: " not in log.read_text():
        if time.monotonic() > signalled_at + 1:
            running.send_signal(number)
            signalled_at = time.monotonic()
        time.sleep(0.05)
    running.wait(TIMEOUT_S)
    return log.read_text()


def test_a_file_that_breaks_off_is_told_with_what_was_delivered_before(
    plain: Plain, new_topic: NewTopic, tmp_path: Path, lines: list[bytes]
) -> None:
    file, topic = tmp_path / "events.ndjson.gz", new_topic()
    file.write_bytes(gzip.compress(b"\n".join(lines * 10))[:-8])
    done = run(plain, topic, "publish", str(file))
    assert done.returncode == 1
    *_, delivered, error = done.stderr.splitlines()
    assert delivered.startswith(
        f"{len(plain.read(topic)):,} events delivered to {topic}, 0 not delivered, 0 sent"
    )
    assert error.startswith(f"ltv: {file}: the gzip data is damaged or cut short")


def test_a_missing_file_is_named_before_a_broker_is_looked_for(tmp_path: Path) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    command = [*LTV, "publish", str(tmp_path / "nofile"), "--bootstrap-servers", nowhere]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert (done.returncode, done.stderr) == (1, f"ltv: {tmp_path / 'nofile'}: No such file or directory\n")


def test_an_input_is_refused_as_the_rejects_file(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"rubbish\n")
    command = [*LTV, "publish", str(file), "--rejects", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1
    assert "the output is the input" in done.stderr
    assert file.read_bytes() == b"rubbish\n"


def test_produce_sends_the_count_asked_for(plain: Plain, new_topic: NewTopic) -> None:
    topic = new_topic()
    done = run(plain, topic, "produce", "--count", "300", "--rate", "3000", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert f"300 events delivered to {topic}" in done.stderr
    assert len(plain.read(topic)) == 300
    again = run(plain, topic, "produce", "--count", "3", "--rate", "3000", "--json")
    assert json.loads(again.stdout) == {"topic": topic, "delivered": 3}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_shop_delivers_records_in_flight_and_exits_with_0(
    plain: Plain, new_topic: NewTopic, number: signal.Signals
) -> None:
    topic = new_topic()
    command = [
        *LTV,
        "produce",
        "--rate",
        "500",
        "--events-topic",
        topic,
        "--bootstrap-servers",
        plain.servers,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as shop:
        try:
            wait_until(
                lambda: plain.read(topic), "events", failing=lambda: "" if shop.poll() is None else "ended"
            )
            shop.send_signal(number)
            _, output = shop.communicate(timeout=TIMEOUT_S)
        finally:
            shop.kill()
    assert shop.returncode == 0, output
    assert f"{len(plain.read(topic)):,} events delivered to {topic}" in output


@pytest.mark.parametrize("command", [("publish", "-"), ("produce", "--count", "1"), ("topics", "create")])
def test_if_no_broker_answers_one_line_names_the_address(command: tuple[str, ...]) -> None:
    server = f"127.0.0.1:{free_port()}"
    began = time.monotonic()
    done = subprocess.run(
        [*LTV, *command, "--bootstrap-servers", server],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 1
    assert server in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert time.monotonic() - began < TIMEOUT_S / 2
