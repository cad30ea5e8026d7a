"""The command line: every command has help with examples; an error is one plain line and an exit code."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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


WITHOUT_JSON = {
    ("demo",): "for people",
    ("generate",): "its result is a file",
    ("report",): "its result is a file",
    ("consume",): "its results are snapshots and a log of JSON lines",
    ("dashboard",): "it serves JSON",
    ("dead-letters", "export"): "its result is JSON lines",
}


@pytest.mark.parametrize("command", [c for c in every_command() if c], ids=" ".join)
def test_every_command_that_a_script_could_use_has_json(command: list[str]) -> None:
    if len(command) == 1 and catalogue.COMMANDS[command[0]].subcommands:
        return
    result = CliRunner().invoke(cli.app, [*command, "--help"], prog_name="ltv", env={"COLUMNS": "120"})
    has_json = re.search(r"^\W*--json\b", result.output, re.MULTILINE) is not None
    assert has_json is (tuple(command) not in WITHOUT_JSON)


@pytest.mark.parametrize("columns", [60, 112])
@pytest.mark.parametrize("command", list(every_command())[1:], ids=" ".join)
def test_help_shows_every_name_and_example_whole_at_every_width(
    monkeypatch: pytest.MonkeyPatch, command: list[str], columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    output = run_ltv(*command, "--help").stdout.decode()
    assert "…" not in output
    assert max(map(len, output.partition("Examples:")[0].splitlines())) <= columns
    entry = catalogue.COMMANDS[command[0]]
    for example in entry.subcommands.get(command[-1], entry.examples):
        assert example in output


@pytest.mark.parametrize("name", catalogue.COMMANDS)
def test_no_help_text_has_what_rich_takes_for_markup_and_leaves_out(name: str) -> None:
    command = cli.load(name, catalogue.COMMANDS[name])
    for each in (command, *getattr(command, "commands", {}).values()):
        for text in (each.help, *(getattr(param, "help", "") for param in each.params)):
            assert not re.search(r"\[[a-z/@#]", text or ""), text


@pytest.mark.parametrize("name", [n for n, e in catalogue.COMMANDS.items() if e.subcommands])
def test_the_catalogue_lists_every_subcommand(name: str) -> None:
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


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["bacth"], "ltv: no such command 'bacth'. Did you mean 'batch'?"),
        (["topics", "crate"], "ltv: topics: no such command 'crate'. Did you mean 'create'?"),
        (["xyzzy"], "ltv: no such command 'xyzzy'. See `ltv --help`"),
        (["--versoin"], "ltv: no such option: --versoin. Did you mean '--version'?"),
        (
            ["batch", "x", "--basi"],
            "ltv: batch: no such option: --basi. Did you mean '--basis'?",
        ),
        (["batch"], "ltv: batch: missing argument 'files'. See `ltv batch --help`"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_line_with_what_may_have_been_meant(args: list[str], line: str) -> None:
    result = run_ltv(*args)
    assert result.returncode == 2
    assert result.stdout == b""
    assert result.stderr.decode().splitlines() == [line]


@pytest.mark.parametrize("args", [[], ["topics"], ["dead-letters"]], ids=" ".join)
def test_a_command_of_commands_alone_shows_its_help(args: list[str]) -> None:
    result = run_ltv(*args)
    assert result.returncode == 2
    assert b"Usage:" in result.stdout
    assert result.stderr == b""


def completed(words: str, directory: Path) -> list[str]:
    """What bash is given to complete the last of these words with."""
    ltv = directory / "ltv"
    ltv.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ltv "$@"\n')
    ltv.chmod(0o755)
    # It asks which shell has started it. Without `true` bash would become the command, and be nobody's parent.
    script = in_bash(f'"{ltv}" --show-completion; true')
    script += f"""
        COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _ltv_completion "{ltv}"
        printf '%s\n' "${{COMPREPLY[@]}}"
    """
    return in_bash(script).split()


def in_bash(script: str) -> str:
    """What the script writes to standard output."""
    result = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, timeout=60, check=True)
    return result.stdout.decode()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ltv b", ["batch", "broker"]),
        ("ltv ''", list(catalogue.COMMANDS)),
        ("ltv dead-letters ''", ["list", "show", "export", "redrive"]),
        ("ltv batch --st", ["--strict"]),
        ("ltv consume --basis a", ["active"]),
    ],
)
def test_bash_completes_commands_options_and_values(words: str, found: list[str], tmp_path: Path) -> None:
    assert completed(words, tmp_path) == found


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


@pytest.mark.parametrize(("package", "extra"), [("jgo.maven", "embedded"), ("duckdb", "verify")])
def test_a_missing_extra_names_the_install_command(
    package: str, extra: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, ModuleNotFoundError(f"No module named '{package}'", name=package)) == 1
    assert f"pip install 'ltv[{extra}]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "bug", [KeyError("\x1b[31m\u202e"), OSError("\x1b[31m\u202e"), ImportError("\x1b[31m\u202e")]
)
def test_a_bug_shows_its_traceback_without_obeyed_characters(
    bug: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(monkeypatch, bug) == 1
    first, *where = capsys.readouterr().err.splitlines()
    assert first.startswith(f"ltv: this is a bug, please report it: {type(bug).__name__}: ")
    assert "in raise_it" in "".join(where)
    assert "".join([first, *where]).isprintable()


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
