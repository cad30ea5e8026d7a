"""The command blocks of the documents run as they stand, each document in one shell, against a broker of its own."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from rich.cells import cell_len
from rich.text import Text

from broker.embedded import EmbeddedBroker
from broker.properties import HOST
from tests.terminal import on_terminal, picture

ROOT: Final = Path(__file__).parents[2]
PROGRAMS: Final = ("ltv", "kill", "export", "make", "curl", "docker-compose", "kubectl", "sudo", "promtool")
LEFT_OUT: Final = {
    "make": "each sets a whole environment up, or measures; the checks before a release run them by hand",
    "docker-compose": "needs Docker",
    "kubectl": "needs a cluster",
    "sudo": "needs a machine of its own",
    "export": "the environment is the test's",
}
DEFAULT_PORT: Final = 9092
SHOWN: Final = {"top": ("top",), "status": ("status",), "customer": ("customer", "406325851a01")}
IN_DOCS: Final = {"top", "customer"}
"""With LTV_PICTURES=docs, docs/pictures/NAME.svg is made again."""
LIVE: Final = re.compile(r"^ltv (demo|dashboard|produce|consume(?!.*--until-end)|.*--follow)")
"""Commands that run until Ctrl-C."""
TOUR: Final = "README.md"
"""Starts a broker of its own; its commands are also what the others' need to have run before them."""
TOUR_TITLE: Final = "### Five minutes by hand"
PRELUDE: Final = """
set -e
live() {
    set -m; "$@" > live.txt 2>&1 & local pid=$!; set +m
    until [ -s live.txt ]; do kill -0 $pid; sleep 0.1; done
    kill -INT -- -$pid
    local code=0; wait $pid || code=$?
    case $code in 0|130) ;; *) cat live.txt; return 1 ;; esac
}
"""


def documents() -> list[str]:
    names = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in names.stdout.splitlines() if commands_of((ROOT / name).read_text())]


def commands_of(text: str) -> list[str]:
    """The lines of the indented blocks that begin with a program's name and are not left out."""
    found = re.findall(rf"^ {{4}}((?:{'|'.join(PROGRAMS)}) .*)$", text, re.MULTILINE)
    return [line for line in found if line.split()[0] not in LEFT_OUT]


def run(commands: list[str], directory: Path, **environment: str) -> None:
    lines = [f"live {line}" if LIVE.match(line) else line for line in commands]
    script = PRELUDE + "\n".join(f"echo {quoted(line)} >&2\n{line}" for line in lines)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=directory,
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def quoted(line: str) -> str:
    return "'$ " + line.replace("'", "'\\''") + "'"


def tour() -> list[str]:
    return commands_of((ROOT / TOUR).read_text().split(TOUR_TITLE)[1].split("\n#")[0])


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker on which the README's tour has run."""
    with ExitStack() as opened:
        broker = opened.enter_context(EmbeddedBroker())
        commands = [line for line in tour() if "ltv broker" not in line and "kill" not in line]
        run(commands, tmp_path_factory.mktemp("tour"), KAFKA_BOOTSTRAP_SERVERS=broker.bootstrap_servers)
        yield broker.bootstrap_servers


def test_the_readmes_tour_runs_as_pasted(tmp_path: Path) -> None:
    with socket.socket() as probe:
        if probe.connect_ex((HOST, DEFAULT_PORT)) == 0:
            pytest.skip(f"port {DEFAULT_PORT}, where `ltv broker start` listens, is taken on this machine")
    run(tour(), tmp_path)


@pytest.mark.parametrize("document", [name for name in documents() if name != TOUR])
def test_the_commands_of_a_document_run_as_pasted(document: str, stage: str, tmp_path: Path) -> None:
    run(commands_of((ROOT / document).read_text()), tmp_path, KAFKA_BOOTSTRAP_SERVERS=stage)


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("name", SHOWN)
def test_what_a_command_shows_fits_the_terminal(name: str, columns: int, stage: str) -> None:
    command = SHOWN[name]
    shown = on_terminal(*command, columns=columns, environment={"KAFKA_BOOTSTRAP_SERVERS": stage})
    lines = Text.from_ansi(shown).plain.splitlines()
    assert len(lines) > 5
    assert [line for line in lines if cell_len(line.rstrip()) > columns] == []
    if name in IN_DOCS and columns == 80 and os.environ.get("LTV_PICTURES") == "docs":
        svg = picture(shown, f"ltv {' '.join(command)}", columns)
        (ROOT / "docs" / "pictures" / f"{name}.svg").write_text(svg)
