"""Several consumers on one host: each has its own instance id, and gets it again after a restart."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from consumer.instance_slot import instance_slot
from contract.errors import Fatal

HOST = socket.gethostname()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_consumers_on_one_host_have_different_ids() -> None:
    with instance_slot("ltv", "one:9092") as first, instance_slot("ltv", "one:9092") as second:
        assert (first, second) == (f"{HOST}-0", f"{HOST}-1")


def test_a_released_slot_goes_to_the_next_consumer() -> None:
    with instance_slot("ltv", "one:9092"), instance_slot("ltv", "one:9092") as second:
        pass
    with instance_slot("ltv", "one:9092") as again:
        assert (second, again) == (f"{HOST}-1", f"{HOST}-0")


def test_each_group_and_cluster_has_its_own_slots() -> None:
    with (
        instance_slot("ltv", "one:9092"),
        instance_slot("other", "one:9092") as group,
        instance_slot("ltv", "two:9092") as cluster,
    ):
        assert (group, cluster) == (f"{HOST}-0", f"{HOST}-0")


def test_a_killed_process_releases_its_slot(folder: Path) -> None:
    script = (
        f"import tempfile, time; tempfile.tempdir = {str(folder)!r}\n"
        "from consumer.instance_slot import instance_slot\n"
        "with instance_slot('ltv', 'one:9092') as slot: print(slot, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        assert process.stdout.readline().strip() == f"{HOST}-0"
        with instance_slot("ltv", "one:9092") as beside:
            assert beside == f"{HOST}-1"
    finally:
        process.kill()
        process.communicate()
    with instance_slot("ltv", "one:9092") as after:
        assert after == f"{HOST}-0"


def test_a_folder_that_is_a_link_is_refused(folder: Path) -> None:
    with instance_slot("ltv", "one:9092"):
        [locks] = folder.iterdir()
    elsewhere = folder / "elsewhere"
    locks.rename(elsewhere)
    locks.symlink_to(elsewhere)
    with pytest.raises(Fatal, match="--instance-id"), instance_slot("ltv", "one:9092"):
        pass
