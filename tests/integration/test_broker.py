"""The embedded broker keeps its data and port, ends with its starter, and runs verified jars only."""

import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from jgo.maven import PythonResolver
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from broker import jars
from broker.embedded import EmbeddedBroker
from broker.jars import Jar
from broker.properties import HOST
from broker.readiness import free_port, free_ports, is_ready, is_taken
from contract.errors import Fatal
from tests.waiting import wait_until

TOPIC = "kept"
RECORDS = [b"one", b"two", b"three"]
WAIT_S = 60
QUICK_FENCING = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "500"}
"""A killed broker's restart waits until its former session expires: for 2 s instead of Kafka's 9 s."""


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    """A broker with a topic and some records."""
    with EmbeddedBroker(settings=QUICK_FENCING) as broker:
        _create_topic(broker)
        yield broker


def _create_topic(broker: EmbeddedBroker) -> None:
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    admin.create_topics([NewTopic(TOPIC, 1, 1)])
    admin.close()


def _write(broker: EmbeddedBroker) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap_servers, acks="all")
    for value in RECORDS:
        producer.send(TOPIC, value).get(timeout=WAIT_S)
    producer.close()


def _read(broker: EmbeddedBroker) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap_servers)
    partition = TopicPartition(TOPIC, 0)
    consumer.assign([partition])
    consumer.seek_to_beginning()
    end = consumer.end_offsets([partition])[partition]
    values: list[bytes] = []

    def read_on() -> bool:
        values.extend(record.value for record in consumer.poll(100).get(partition, ()))
        return bool(consumer.position(partition) == end)

    wait_until(read_on, f"{TOPIC} read to its end, {end}")
    consumer.close()
    return values


@pytest.mark.parametrize("end", [EmbeddedBroker.stop, EmbeddedBroker.kill], ids=["stop", "kill"])
def test_after_a_restart_data_and_address_are_unchanged(
    broker: EmbeddedBroker, end: Callable[[EmbeddedBroker], None]
) -> None:
    before = _read(broker)
    address = broker.bootstrap_servers
    _write(broker)
    end(broker)
    broker.start()
    assert broker.bootstrap_servers == address
    assert _read(broker) == before + RECORDS


def test_a_second_broker_on_the_same_directory_is_refused_and_changes_no_data(broker: EmbeddedBroker) -> None:
    before = _read(broker)
    with pytest.raises(Fatal, match="in use by another broker"), EmbeddedBroker(data_dir=broker.data_dir):
        pass
    assert _read(broker) == before


def test_a_running_broker_is_not_started_twice(broker: EmbeddedBroker) -> None:
    with pytest.raises(Fatal, match="already running"):
        broker.start()


def test_a_taken_port_is_named(broker: EmbeddedBroker) -> None:
    port = int(broker.bootstrap_servers.rpartition(":")[2])
    with pytest.raises(Fatal, match=f"port {port} is taken"), EmbeddedBroker(port):
        pass


def test_a_broker_that_does_not_become_ready_raises_the_end_of_kafkas_log() -> None:
    wrong = EmbeddedBroker(settings={"log.segment.bytes": "many"})
    with pytest.raises(Fatal) as error, wrong:
        pass
    assert "Invalid value many" in "".join(error.value.details)


def test_a_temporary_directory_is_deleted_with_the_broker() -> None:
    with EmbeddedBroker() as broker:
        assert broker.data_dir.exists()
    assert not broker.data_dir.exists()


class Command:
    """`ltv broker start` as a process, and its JVM."""

    def __init__(self, data: Path) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "ltv",
                "broker",
                "start",
                "--port",
                str(self.port),
                "--data",
                str(data),
                "--json",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.first_line = self.process.stdout.readline()
        self.below = psutil.Process(self.process.pid).children(recursive=True)

    def close(self) -> None:
        self.process.kill()
        for process in self.below:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.communicate()


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path / "data")
    yield command
    command.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_address_and_a_signal_ends_all_its_processes(
    command: Command, number: int
) -> None:
    started = json.loads(command.first_line)
    assert started["bootstrap_servers"] == f"127.0.0.1:{command.port}"
    assert started["pid"] == command.process.pid
    assert is_ready(command.port)
    assert any("java" in process.name() for process in command.below)
    command.process.send_signal(number)
    _, output = command.process.communicate(timeout=WAIT_S)
    assert command.process.returncode == 0, output
    assert "Traceback" not in output
    assert _left_of(command) == []


def test_another_terminal_stops_the_broker_and_its_data_stays(command: Command, tmp_path: Path) -> None:
    stop = [sys.executable, "-m", "ltv", "broker", "stop", "--port", str(command.port), "--json"]
    stopped = subprocess.run(stop, capture_output=True, text=True, timeout=WAIT_S)
    assert stopped.returncode == 0, stopped.stderr
    assert json.loads(stopped.stdout) == {"port": command.port, "stopped": True}
    _, output = command.process.communicate(timeout=WAIT_S)
    assert command.process.returncode == 0, output
    assert _left_of(command) == []
    assert (tmp_path / "data" / "data" / "meta.properties").exists()
    again = subprocess.run(stop, capture_output=True, text=True, timeout=WAIT_S)
    assert (again.returncode, "no `ltv broker start`" in again.stderr) == (1, True)


def test_the_commands_files_are_for_this_user_only_and_it_listens_on_this_machine_only(
    command: Command, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    files = [data, *data.rglob("*")]
    assert {path.name for path in files} >= {"broker.log", "server.properties", "lock", "meta.properties"}
    open_to_others = 0o077
    assert [path for path in files if path.stat().st_mode & open_to_others] == []
    listening = [
        connection.laddr.ip.removeprefix("::ffff:")
        for process in [psutil.Process(command.process.pid), *command.below]
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == [HOST, HOST]  # For clients, and for the controller.


def test_the_jvm_ends_when_the_command_is_killed(command: Command) -> None:
    command.process.kill()
    assert _left_of(command) == []
    assert not is_taken(command.port)


def _left_of(command: Command) -> list[psutil.Process]:
    _gone, alive = psutil.wait_procs(command.below, timeout=WAIT_S)
    return [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


ANY = jars.read_lock()[0]


@pytest.fixture
def one_jar(tmp_path: Path) -> Path:
    """A new cache that holds one jar of the lock."""
    whole = jars.fetch([ANY])[0]
    group, artifact, version = ANY.coordinate.split(":")
    kept = tmp_path.joinpath(*group.split("."), artifact, version, whole.name)
    kept.parent.mkdir(parents=True)
    shutil.copy(whole, kept)
    return kept


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch, one_jar: Path) -> list[bytes]:
    """The contents that the Maven repository returns, one for each download."""
    answers: list[bytes] = []

    def download(_resolver: PythonResolver, _artifact: object) -> Path:
        one_jar.write_bytes(answers.pop(0))
        return one_jar

    monkeypatch.setattr(PythonResolver, "download", download)
    return answers


def test_a_cached_and_verified_jar_is_not_downloaded_again(
    one_jar: Path, remote: list[bytes], tmp_path: Path
) -> None:
    assert jars.fetch([ANY], tmp_path) == [one_jar]


def test_a_truncated_jar_is_downloaded_again(one_jar: Path, remote: list[bytes], tmp_path: Path) -> None:
    whole = one_jar.read_bytes()
    one_jar.write_bytes(whole[:1000])
    remote.append(whole)
    assert jars.fetch([ANY], tmp_path) == [one_jar]
    assert one_jar.read_bytes() == whole


def test_a_jar_with_another_checksum_is_refused_by_name_and_not_kept(
    one_jar: Path, remote: list[bytes], tmp_path: Path
) -> None:
    remote.append(one_jar.read_bytes())
    wrong = Jar("0" * 64, ANY.coordinate)
    with pytest.raises(Fatal, match=ANY.coordinate):
        jars.fetch([wrong], tmp_path)
    assert not one_jar.exists()


@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed", "REQUESTS_CA_BUNDLE"),
        ("refused", "is there a network"),
    ],
)
def test_a_download_that_fails_names_what_may_be_wrong(
    cause: str, hint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(_resolver: PythonResolver, _artifact: object) -> Path:
        raise RuntimeError(cause)

    monkeypatch.setattr(PythonResolver, "download", fail)
    with pytest.raises(Fatal, match=hint):
        jars.fetch([ANY], tmp_path)


def test_the_lock_pins_one_version_of_kafka() -> None:
    of_kafka = [jar.coordinate for jar in jars.read_lock() if jar.coordinate.startswith("org.apache.kafka:")]
    assert len(of_kafka) > 10
    assert all(coordinate.endswith(f":{jars.KAFKA_VERSION}") for coordinate in of_kafka)


def test_free_ports_returns_different_ports() -> None:
    ports = free_ports(500)
    assert len(set(ports)) == len(ports)


def test_a_free_port_is_kept_for_a_listener_that_names_it() -> None:
    port = free_port()
    assert not is_taken(port)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))
