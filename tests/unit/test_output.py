"""An output file is complete or does not exist, and never replaces an input."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contract.errors import Fatal
from files.file_errors import ReaderGone
from files.output import open_events, open_output
from files.same_file import refuse_same_files


def test_the_same_events_give_the_same_gzip_file(tmp_path: Path) -> None:
    for name in ("a.ndjson.gz", "b.ndjson.gz"):
        with open_events(str(tmp_path / name)) as write:
            write([b"{}"] * 100)
    written = (tmp_path / "a.ndjson.gz").read_bytes()
    assert written == (tmp_path / "b.ndjson.gz").read_bytes()
    assert written[3:8] == bytes(5), "no name, no time"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("name", ["x.json", "x.ndjson.gz"])
def test_a_full_disk_is_named_and_the_message_says_what_to_do(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/full")
    with (
        pytest.raises(Fatal, match=rf"{name}: No space left.*make room"),
        open_events(str(tmp_path / name)) as w,
    ):
        w([b"{}" * 100_000])


@pytest.mark.parametrize("name", ["x", "x.gz"])
def test_an_error_of_other_code_is_not_reported_as_the_outputs(tmp_path: Path, name: str) -> None:
    def write() -> None:
        with open_output(str(tmp_path / name)) as file:
            file.write(b"kept")
            raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        write()
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_file_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match=r"\.ndjson"), open_events(str(tmp_path / "x.csv")):
        pass


def write(path: str | Path, data: bytes) -> None:
    with open_output(str(path)) as file:
        file.write(data)


def test_an_output_does_not_exist_before_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")
    with open_output(str(path)) as file:
        file.write(b"x" * 1_000_000)
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"x" * 1_000_000
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, Fatal])
@pytest.mark.parametrize("name", ["out", "out.gz"])
def test_an_error_leaves_the_old_file_and_no_other(
    tmp_path: Path, name: str, error: type[BaseException]
) -> None:
    (tmp_path / name).write_bytes(b"before")

    def interrupted() -> None:
        with open_output(str(tmp_path / name)) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        interrupted()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"before")]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_that_open_gives(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write(tmp_path / "out", b"")
        (tmp_path / "opened").open("wb").close()
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "opened").stat().st_mode


def test_an_old_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.touch()
    path.chmod(0o640)
    write(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_an_old_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.touch()
    os.chown(path, 12345, 54321)
    write(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.touch(0o444)
    with pytest.raises(Fatal, match="out: Permission denied"):
        write(path, b"new")


def test_a_loop_of_links_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(Fatal, match="loop: "):
        write(tmp_path / "loop", b"")
    assert (tmp_path / "loop").is_symlink()


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, target in (("link", "folder/out"), ("chain", "link"), ("to-nothing", "folder/new")):
        (tmp_path / name).symlink_to(target)
    (tmp_path / "folder" / "out").touch()
    write(tmp_path / "chain", b"1")
    write(tmp_path / "to-nothing", b"2")
    assert (tmp_path / "chain").is_symlink()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "out").read_bytes() == b"1"
    assert (tmp_path / "folder" / "new").read_bytes() == b"2"


def test_a_pipe_is_written_directly_and_an_error_says_if_its_reader_ended(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with subprocess.Popen(["head", "-c", "4", path], stdout=subprocess.PIPE) as reader:
        with pytest.raises(ReaderGone, match="fifo"):
            write(path, b"fifo" * 1_000_000)
        assert reader.communicate()[0] == b"fifo"
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_a_path_in_dev_is_written_to_its_target(tmp_path: Path) -> None:
    script = "from files.output import open_output\nwith open_output('/dev/fd/1') as f: f.write(b'out')"
    with (tmp_path / "out").open("wb") as file:
        subprocess.run([sys.executable, "-c", script], stdout=file, check=True)
        assert os.fstat(file.fileno()).st_nlink == 1
    assert (tmp_path / "out").read_bytes() == b"out"
    write(os.devnull, b"nothing")
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@pytest.mark.parametrize("name", ["nowhere/out", "folder"])
def test_an_output_that_cannot_be_written_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(Fatal, match=f"{name}: "):
        write(tmp_path / name, b"")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def symbolic_link(path: Path) -> Path:
    (path.parent / "link").symlink_to(path)
    return path.parent / "link"


def hard_link(path: Path) -> Path:
    (path.parent / "hard").hardlink_to(path)
    return path.parent / "hard"


NAMES: list[Callable[[Path], object]] = [
    lambda path: path,
    lambda path: path.parent / "." / "x" / ".." / path.name,
    lambda path: os.path.relpath(path),
    symbolic_link,
    hard_link,
    lambda path: f"/dev/fd/{os.open(path, os.O_RDONLY)}",
]


@pytest.mark.parametrize("other", NAMES)
def test_an_input_is_refused_as_an_output_whatever_its_name(
    tmp_path: Path, other: Callable[[Path], object]
) -> None:
    (tmp_path / "x").mkdir()
    path = tmp_path / "events"
    path.write_bytes(b"{}")
    output = str(other(path))
    with pytest.raises(Fatal, match="the output is the input"):
        refuse_same_files([os.devnull, str(path)], [str(tmp_path / "new"), output])
    with pytest.raises(Fatal, match="two outputs are one file"):
        refuse_same_files([], [str(path), output])


def test_two_new_outputs_may_not_be_one_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "new")
    with pytest.raises(Fatal, match="two outputs are one file"):
        refuse_same_files([], [str(tmp_path / "new"), str(tmp_path / "link")])
    refuse_same_files([], [str(tmp_path / "new"), str(tmp_path / "other")])


def test_devices_may_be_named_twice(tmp_path: Path) -> None:
    refuse_same_files([os.devnull], [os.devnull, os.devnull])
    refuse_same_files(["-", "/dev/stdin"], ["/dev/full"])


@pytest.mark.parametrize("name", ["-", "/dev/stdout"])
def test_standard_streams_are_compared_too(tmp_path: Path, name: str) -> None:
    script = "import sys; from files.same_file import refuse_same_files as f; f(sys.argv[1:2], sys.argv[2:])"

    def errors_of(inputs: str, outputs: str, **streams: object) -> bytes:
        command = [sys.executable, "-c", script, inputs, *outputs.split()]
        return subprocess.run(command, stderr=subprocess.PIPE, check=False, **streams).stderr  # type: ignore[call-overload,no-any-return]

    events = tmp_path / "events"
    events.write_bytes(b"{}")
    with events.open("rb+") as file:
        assert b"the output is the input" in errors_of(str(events), name, stdout=file)
        assert b"the output is the input" in errors_of("-", str(events), stdin=file)
        assert b"two outputs are one file" in errors_of("/dev/null", f"{name} {events}", stdout=file)
    assert b"two outputs are one file" in errors_of("/dev/null", f"- {name}", stdout=subprocess.PIPE)
    assert errors_of("-", f"{name} {events}", stdin=subprocess.PIPE, stdout=subprocess.PIPE) == b""
