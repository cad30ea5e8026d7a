"""Several consumers on one host: each has its own instance id, and gets it again after a restart."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
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


def swap(folder: Path, make: Callable[[Path], object]) -> None:
    """Put something else where the first lock was."""
    with instance_slot("ltv", "one:9092"):
        [lock] = folder.glob("*/*.lock")
    lock.unlink()
    make(lock)


def link_to_a_file(lock: Path) -> None:
    lock.with_name("elsewhere").write_text("kept")
    lock.symlink_to(lock.with_name("elsewhere"))


def open_to_all(lock: Path) -> None:
    lock.touch()
    lock.chmod(0o666)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, link_to_a_file, lambda lock: lock.symlink_to("nowhere"), Path.mkdir, open_to_all],
    ids=["FIFO", "link", "link to nothing", "folder", "writable by others"],
)
def test_what_is_no_lock_of_this_user_is_refused_in_one_line(
    folder: Path, make: Callable[[Path], object]
) -> None:
    swap(folder, make)
    before = sorted(folder.rglob("*"))
    with pytest.raises(Fatal, match="--instance-id") as error, instance_slot("ltv", "one:9092"):
        pass
    assert "\n" not in str(error.value)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
def test_a_lock_or_a_folder_of_another_user_is_refused(folder: Path) -> None:
    swap(folder, Path.touch)
    [lock] = folder.glob("*/*.lock")
    os.chown(lock, 12345, 12345)
    with pytest.raises(Fatal, match=str(lock)), instance_slot("ltv", "one:9092"):
        pass
    os.chown(lock.parent, 12345, 12345)
    with pytest.raises(Fatal, match=f"{lock.parent} is"), instance_slot("ltv", "one:9092"):
        pass


def test_a_file_in_the_folders_place_and_a_folder_that_others_can_write_to_are_refused(folder: Path) -> None:
    with instance_slot("ltv", "one:9092"):
        [locks] = folder.iterdir()
    locks.chmod(0o770)
    with pytest.raises(Fatal, match="--instance-id"), instance_slot("ltv", "one:9092"):
        pass
    locks.rename(folder / "elsewhere")
    locks.touch()
    with pytest.raises(Fatal, match="--instance-id"), instance_slot("ltv", "one:9092"):
        pass


def test_locks_and_their_folder_are_for_this_user_only_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        with instance_slot("ltv", "one:9092"):
            [locks] = folder.iterdir()
            [lock] = locks.iterdir()
            assert (stat.S_IMODE(locks.stat().st_mode), stat.S_IMODE(lock.stat().st_mode)) == (0o700, 0o600)
    finally:
        os.umask(before)
