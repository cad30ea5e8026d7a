"""The documents name the commands, options, variables and folders that exist, and no others."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from cluster.settings import Cluster
from contract.access_token import ACCESS_TOKEN_VARIABLE
from contract.events import REASONS
from contract.native_core import NATIVE_VARIABLE
from ltv.catalogue import COMMANDS
from ltv.commands.consume import consume
from ltv.commands.dashboard import dashboard

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
SECRETS = [*(f"KAFKA_{name.upper()}" for name in Cluster.secret_fields()), ACCESS_TOKEN_VARIABLE]
OPERATING = (ROOT / "docs" / "operating.md").read_text()


def options_of(command: Callable[..., None]) -> list[tuple[str, str]]:
    """Each option of a command, with its variable."""
    app = typer.Typer(add_completion=False)
    app.command()(command)
    parameters = typer.main.get_command(app).params
    return [(max(p.opts, key=len), str(p.envvar or "")) for p in parameters if p.name != "help"]


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
