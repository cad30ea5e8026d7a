"""A broker is found by its port and stopped only if its starter still runs."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.running import brokers_folder, stop_broker_of
from contract.errors import Fatal
from tests.waiting import DEADLINE_S, wait_until

STARTER = """
import sys, time
from pathlib import Path
from broker.running import noted_as_running
with noted_as_running(9092, Path(sys.argv[1])):
    while True:
        time.sleep(60)
"""


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)])
    file = tmp_path / "9092"
    wait_until(lambda: file.exists() and file.read_text() == str(process.pid), "the noted process")
    yield process
    process.kill()
    process.wait(DEADLINE_S)


def test_a_running_broker_is_stopped(tmp_path: Path, starter: subprocess.Popen[bytes]) -> None:
    stop_broker_of(9092, tmp_path)
    assert starter.wait(DEADLINE_S) != 0


def test_a_process_id_of_a_broker_that_has_ended_is_left_alone(
    tmp_path: Path, starter: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    starter.kill()
    starter.wait(DEADLINE_S)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("it signalled a process"))
    with pytest.raises(Fatal, match="no `ltv broker start`"):
        stop_broker_of(9092, tmp_path)


def test_a_port_without_a_broker_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="port 9093"):
        stop_broker_of(9093, tmp_path)


def test_the_folder_is_this_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert brokers_folder().stat().st_mode & 0o777 == 0o700
    brokers_folder().chmod(0o777)
    with pytest.raises(Fatal, match="only this user can change"):
        brokers_folder()
    brokers_folder_path = tmp_path / f"ltv-brokers-{os.getuid()}"
    brokers_folder_path.rmdir()
    brokers_folder_path.symlink_to(tmp_path)
    with pytest.raises(Fatal, match="only this user can change"):
        brokers_folder()
