"""The command line as a whole: every command explains itself; trouble is one plain line and an exit code."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from contract.errors import Fatal
from ltv import catalogue, cli


def run_ltv(*args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "ltv", *args], input=stdin, capture_output=True, timeout=60)


def every_command() -> Iterator[list[str]]:
    yield []
    for name, entry in catalogue.COMMANDS.items():
        yield [name]
        for subcommand in entry.subcommands:
            yield [name, subcommand]


@pytest.mark.parametrize("command", list(every_command()), ids=" ".join)
def test_every_commands_help_has_examples_that_begin_with_the_command(command: list[str]) -> None:
    result = CliRunner().invoke(cli.app, [*command, "--help"], prog_name="ltv", env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    _, _, examples = result.output.partition("Examples:")
    assert " ".join(["ltv", *command]) in examples


@pytest.mark.parametrize("name", [n for n, e in catalogue.COMMANDS.items() if e.subcommands])
def test_the_catalogue_knows_every_subcommand(name: str) -> None:
    group = cli.load(name, catalogue.COMMANDS[name])
    assert set(group.commands) == set(catalogue.COMMANDS[name].subcommands)


def test_help_groups_the_commands_into_panels() -> None:
    output = CliRunner().invoke(cli.app, ["--help"]).output
    for panel in (catalogue.START, catalogue.FILES, catalogue.KAFKA, catalogue.READING):
        assert panel in output


@pytest.mark.parametrize(
    "args", [["--nonsense"], ["nonsense"], ["batch", "--nonsense"], ["batch"], ["batch", "x", "--top", "0"]]
)
def test_wrong_usage_exits_with_2(args: list[str]) -> None:
    assert CliRunner().invoke(cli.app, args).exit_code == 2


def test_version_is_printed() -> None:
    result = run_ltv("--version")
    assert result.returncode == 0
    assert result.stdout.startswith(b"ltv")


def test_a_missing_file_is_one_plain_line() -> None:
    result = run_ltv("batch", "no-such-file.ndjson")
    assert result.returncode == 1
    assert result.stdout == b""
    assert result.stderr.decode().splitlines() == ["ltv: no-such-file.ndjson: No such file or directory"]


def run_main(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int | str | None:
    def raise_it(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "app", raise_it)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_an_expected_error_is_one_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, Fatal("the topic is gone")) == 1
    assert capsys.readouterr().err == "ltv: the topic is gone\n"


def test_a_missing_extra_names_the_install_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, ModuleNotFoundError("No module named 'jgo'", name="jgo.maven")) == 1
    assert "pip install 'ltv[embedded]'" in capsys.readouterr().err


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(cli, "app", crash)
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_a_reader_that_leaves_early_causes_no_noise() -> None:
    """`ltv ... | true`: the pipe is closed before anything is written."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ltv", "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert stderr == b""


def test_batch_loads_no_kafka() -> None:
    script = "import sys; from ltv import catalogue, cli; cli.load('batch', catalogue.COMMANDS['batch']); "
    script += "print([m for m in sys.modules if m.startswith('kafka')])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60, check=True)
    assert result.stdout.strip() == b"[]"
