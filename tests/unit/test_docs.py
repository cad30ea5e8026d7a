"""What the README says is what there is: commands, options, variables, folders."""

import re
from pathlib import Path

import pytest
import typer

from consumer.cli.consume import consume
from contract.cluster import Cluster
from ltv.catalogue import COMMANDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def consume_options() -> list[tuple[str, str]]:
    app = typer.Typer(add_completion=False)
    app.command()(consume)
    parameters = typer.main.get_command(app).params
    return [(max(p.opts, key=len), str(p.envvar or "")) for p in parameters if p.name != "help"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"ltv {command}" in README


@pytest.mark.parametrize(("flag", "variable"), consume_options())
def test_every_setting_of_the_consumer_is_in_the_readme(flag: str, variable: str) -> None:
    assert f"`{flag}`" in README
    assert variable in README


@pytest.mark.parametrize("field", Cluster.model_fields)
def test_every_setting_of_the_connection_is_in_the_readme(field: str) -> None:
    assert f"KAFKA_{field.upper()}" in README


def test_the_readme_names_no_setting_that_is_not_there() -> None:
    known = {variable for _, variable in consume_options()} | {
        f"KAFKA_{f.upper()}" for f in Cluster.model_fields
    }
    assert set(re.findall(r"\b(?:LTV|KAFKA)_[A-Z_]+\b", README)) <= known


def test_every_folder_in_the_readme_is_there() -> None:
    tree = README.split("## Where things are")[1].split("How a record")[0]
    folders = re.findall(r"^ {4}([a-z]+)/ ", tree, re.MULTILINE)
    assert folders
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
