"""The documents name the commands, options, variables and folders that exist, and no others."""

import re
import subprocess
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
import typer

from cluster.settings import Cluster
from contract import dead_letters
from contract.access_token import ACCESS_TOKEN_VARIABLE
from contract.decode import decode_event
from contract.events import EVENT_TYPES, REASONS
from contract.native_core import NATIVE_VARIABLE
from contract.topics import Topics
from ltv import exit_codes
from ltv.catalogue import COMMANDS
from ltv.commands.consume import consume
from ltv.commands.dashboard import dashboard

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SECRETS = [*(f"KAFKA_{name.upper()}" for name in Cluster.secret_fields()), ACCESS_TOKEN_VARIABLE]
OPERATING = (ROOT / "docs" / "operating.md").read_text()


def parsed(command: Callable[..., None]) -> Any:
    """A command as its command line is read."""
    app = typer.Typer(add_completion=False)
    app.command()(command)
    return typer.main.get_command(app)


def options_of(command: Callable[..., None]) -> list[tuple[str, str]]:
    """Each option of a command, with its variable."""
    return [(max(p.opts, key=len), str(p.envvar or "")) for p in parsed(command).params if p.name != "help"]


def all_commands() -> Iterator[tuple[str, Any]]:
    """Every command and subcommand, by its name."""
    for name, entry in COMMANDS.items():
        module, _, attribute = entry.target.partition(":")
        target = getattr(import_module(module), attribute)
        if entry.subcommands:
            for subcommand, command in cast("Any", typer.main.get_command(target)).commands.items():
                yield f"{name} {subcommand}", command
        else:
            yield name, parsed(target)


OPTIONS = [
    (name, option)
    for name, command in all_commands()
    for option in command.params
    if option.param_type_name == "option" and option.name != "help"
]
EVERYTHING = "\n".join(
    [
        README,
        *(path.read_text() for path in (ROOT / "docs").glob("*.md")),
        *(line for entry in COMMANDS.values() for line in entry.examples),
        *(line for entry in COMMANDS.values() for lines in entry.subcommands.values() for line in lines),
    ]
)
"""The documents, and the examples that each command's --help has."""


@pytest.mark.parametrize(("name", "option"), OPTIONS, ids=lambda each: getattr(each, "name", each))
def test_every_option_has_a_help_and_is_in_a_document_or_an_example(name: str, option: Any) -> None:
    assert option.help
    assert any(re.search(rf"(?<![\w-]){flag}(?![\w-])", EVERYTHING) for flag in option.opts), name


def test_every_exit_code_is_documented() -> None:
    rows = set(
        re.findall(r"^\| (\d+) \|", OPERATING.split("## Exit codes")[1].split("\n## ")[0], re.MULTILINE)
    )
    codes = {value for value in vars(exit_codes).values() if isinstance(value, int)}
    assert rows == {str(code) for code in codes | {0, 1, 2}}


def test_every_header_of_a_dead_letter_is_documented() -> None:
    text = OPERATING.split("## Dead letters")[1].split("\n## ")[0]
    headers = {
        value
        for value in vars(dead_letters).values()
        if isinstance(value, str) and value.startswith(dead_letters.PREFIX) and value != dead_letters.PREFIX
    }
    rows = re.findall(r"^\| (`ltv\..*?) \|", text, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == headers


def test_every_setting_of_a_topic_is_documented() -> None:
    topics = Topics()
    specs = [*topics.internal_specs(1), topics.redriven_spec()]
    common = set.intersection(*(set(spec.settings.items()) for spec in specs))
    expected = {spec.name: set(spec.settings.items()) - common for spec in specs} | {"all of them": common}
    rows = re.findall(r"^\| (all of them|ltv\.[\w-]+) \| (`[\w.]+=.*) \|$", OPERATING, re.MULTILINE)
    assert {
        name: {tuple(each.split("=")) for each in re.findall(r"`([\w.]+=[^`]+)`", text)}
        for name, text in rows
    } == expected


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"ltv {command}" in README


@pytest.mark.parametrize(("flag", "variable"), sorted({*options_of(consume), *options_of(dashboard)}))
def test_every_setting_of_consumer_and_dashboard_is_documented(flag: str, variable: str) -> None:
    assert f"`{flag}`" in OPERATING
    assert variable in OPERATING


def test_the_access_token_is_documented() -> None:
    assert ACCESS_TOKEN_VARIABLE in OPERATING


@pytest.mark.parametrize("variable", SECRETS)
def test_the_file_of_every_secret_is_documented(variable: str) -> None:
    assert f"{variable}_FILE" in OPERATING


@pytest.mark.parametrize("field", Cluster.model_fields)
def test_every_setting_of_the_connection_is_documented(field: str) -> None:
    assert f"KAFKA_{field.upper()}" in OPERATING


@pytest.mark.parametrize(
    "document", ["README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_a_document_names_no_setting_that_does_not_exist(document: str) -> None:
    known = {variable for _, variable in options_of(consume) + options_of(dashboard)} | {
        ACCESS_TOKEN_VARIABLE,
        NATIVE_VARIABLE,
    }
    known |= {f"KAFKA_{f.upper()}" for f in Cluster.model_fields} | {f"{each}_FILE" for each in SECRETS}
    assert set(re.findall(r"\b(?:LTV|KAFKA)_[A-Z_]+\b", (ROOT / document).read_text())) <= known


def files_in_git() -> list[str]:
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return files.stdout.splitlines()


def folders_on_disk() -> list[str]:
    return sorted({path.split("/")[0] for path in files_in_git() if "/" in path} - {".ci"})


def where_things_are(document: str) -> str:
    return (ROOT / document).read_text().split("## Where things are")[1].split("\n## ")[0]


def test_the_readmes_tree_lists_the_folders_on_disk() -> None:
    tree = where_things_are("README.md")
    assert sorted(re.findall(r"^ {4}([a-z]+)/ ", tree, re.MULTILINE)) == folders_on_disk()


def test_the_table_in_contributing_lists_the_folders_on_disk() -> None:
    table = where_things_are("CONTRIBUTING.md")
    rows = set(re.findall(r"^\| `([a-z]+)/", table, re.MULTILINE))
    assert sorted(rows) == folders_on_disk()


DOCUMENTS = [ROOT / path for path in files_in_git() if path.endswith(".md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_and_every_path_in_a_document_exists(document: Path) -> None:
    text = document.read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if link and not (document.parent / link).exists()]
    rooms = "|".join(folders_on_disk())
    paths = re.findall(rf"`((?:{rooms})/[\w./-]*\w)`", text)
    missing += [path for path in paths if not (ROOT / path).exists()]
    assert missing == []


def test_the_reasons_of_dead_letters_are_documented() -> None:
    producers = (ROOT / "docs" / "producers.md").read_text()
    assert [
        reason for reason, meaning in REASONS.items() if f"| `{reason}` | {meaning} |" not in producers
    ] == []


def test_every_event_type_has_a_valid_example_for_producers() -> None:
    text = (ROOT / "docs" / "producers.md").read_text().split("## The contract")[1].split("\n## ")[0]
    examples = [line.encode() for line in re.findall(r"^ {4}(\{.*\})$", text, re.MULTILINE)]
    assert {type(decode_event(example)).__struct_config__.tag for example in examples} == set(EVENT_TYPES)
