"""Imports point one way, and the domain does no I/O and reads no clock: see the two tables."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MAY_IMPORT: dict[str, set[str]] = {
    "contract": {"contract"},
    "contract.amounts": set(),
    "contract.events": {"contract.amounts"},
    "contract.decode": {"contract.amounts", "contract.errors", "contract.events"},
    "contract.snapshots": set(),
    "contract.money": set(),
    "contract.times": set(),
    "contract.weeks": set(),
    "contract.lifetime_value": {"contract.money", "contract.snapshots"},
    "files": {"files", "contract"},
    "cluster": {"cluster", "contract"},
    "web": {"web", "contract.errors"},
    "consumer": {"consumer", "contract", "files", "cluster", "web"},
    "consumer.domain": {
        *("consumer.domain", "contract.amounts", "contract.decode", "contract.errors"),
        *("contract.events", "contract.lifetime_value", "contract.money", "contract.snapshots"),
        *("contract.partition_owners", "contract.partitioners", "contract.times", "contract.weeks"),
        "contract.changelog",
    },
    "consumer.batch": {"consumer.domain", "consumer.new_state", "contract", "files"},
    "consumer.native_state": {"consumer.domain", "contract"},
    "consumer.new_state": {"consumer.domain", "consumer.native_state", "contract"},
    "consumer.stream": {"consumer", "contract", "cluster"},
    "producer": {"producer", "contract", "files", "cluster"},
    "subscriber": {"subscriber", "contract", "files", "cluster"},
    "administration": {"administration", "contract", "cluster", "subscriber"},
    "dashboard": {"dashboard", "contract", "cluster", "subscriber", "web"},
    "verification": {
        *("verification", "contract.errors", "contract.snapshots", "cluster.fetched", "cluster.log_reader"),
        "files.format",
    },
    "report": {"report", "contract", "cluster.log_reader", "consumer.domain"},
    "broker": {"broker", "contract"},
    "ltv": {
        *("ltv", "contract", "files", "cluster", "consumer", "producer", "subscriber", "dashboard", "broker"),
        *("administration", "report", "verification", "web"),
    },
    "benchmarks": {
        *("benchmarks", "broker", "cluster", "consumer", "contract", "dashboard", "files", "producer"),
        *("subscriber", "web"),
    },
}
"""Package -> our own packages that it may import, with all their modules. A module's most specific row applies."""

TERMINAL = {"rich", "typer", "click"}
MAY_NOT_IMPORT: dict[str, set[str]] = {
    "consumer.domain": {
        *("asyncio", "concurrent", "multiprocessing", "subprocess", "threading", "signal"),
        *("io", "os", "pathlib", "shutil", "socket", "ssl", "sys", "tempfile", "urllib", "http"),
        *("random", "secrets", "time", "uuid"),
        *("kafka", "logging", "structlog", "pydantic_settings"),
    },
    "contract": {*TERMINAL, "kafka", "confluent_kafka"},
    "contract.amounts": {"io", "os", "pathlib", "socket", "sys", "time"},
    "contract.events": {"io", "os", "pathlib", "socket", "sys", "time"},
    "contract.decode": {"io", "os", "pathlib", "socket", "sys", "time"},
    "files": {*TERMINAL, "kafka", "confluent_kafka"},
    "cluster": TERMINAL,
    "consumer": TERMINAL,
    "consumer.batch": {"kafka"},
    "consumer.stream": {"consumer.batch"},
    "producer": TERMINAL,
    "subscriber": TERMINAL,
    "dashboard": TERMINAL,
    "administration": TERMINAL,
    "report": TERMINAL,
    "verification": TERMINAL,
    "web": {*TERMINAL, "kafka"},
    "broker": TERMINAL,
}
"""Package or module -> what it and all its modules must not import."""

PURE = (
    *("consumer.domain", "contract.amounts", "contract.decode", "contract.events", "contract.snapshots"),
    *("contract.money", "contract.times", "contract.weeks", "contract.lifetime_value"),
    *("producer.shop", "producer.seasons", "producer.rubbish", "producer.delivery", "producer.people"),
)
CLOCKS = {"now", "utcnow", "today"}
OUTSIDE_WORLD = {"open", "print", "input", "exec", "eval", "__import__"}

Sources = Mapping[str, str]
"""Module name -> source."""


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def imported(module: str, tree: ast.Module) -> Iterator[str]:
    """The names of all imports anywhere in a module; a name imported from a package as package.name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = ".".join(module.split(".")[: -node.level]) if node.level else ""
            origin = ".".join(filter(None, (parent, node.module)))
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def called(tree: ast.Module) -> Iterator[str]:
    """The names of all called functions and methods."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    yield name


def allowed(module: str, name: str) -> bool:
    """Whether the tables allow this module to import this name."""
    row = max((row for row in MAY_IMPORT if within(module, row)), key=len)
    if name.split(".")[0] in MAY_IMPORT and not any(within(name, one) for one in MAY_IMPORT[row]):
        return False
    out = {one for row, outs in MAY_NOT_IMPORT.items() if within(module, row) for one in outs}
    return not any(within(name, one) for one in out)


def violations(sources: Sources) -> list[str]:
    """The imports and calls that break the tables, as "module -> name"."""
    found = []
    for module, source in sources.items():
        if module.split(".")[0] not in MAY_IMPORT:
            found.append(f"{module}: its package has no row")
            continue
        tree = ast.parse(source)
        found += [f"{module} -> {name}" for name in imported(module, tree) if not allowed(module, name)]
        if any(within(module, pure) for pure in PURE):
            found += [f"{module} -> {name}()" for name in called(tree) if name in CLOCKS | OUTSIDE_WORLD]
    return found


def our_packages() -> set[str]:
    return {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}


def our_sources() -> dict[str, str]:
    """Every module of our packages: name -> source."""
    sources = {}
    for package in our_packages():
        for path in (ROOT / package).rglob("*.py"):
            # A package's own module keeps the part `__init__`: there, `from .` means the package itself.
            sources[".".join(path.relative_to(ROOT).with_suffix("").parts)] = path.read_text()
    return sources


def test_imports_point_one_way_and_the_domain_is_pure() -> None:
    assert violations(our_sources()) == []


def test_a_package_without_a_row_is_found() -> None:
    assert violations({"helpers.text": ""}) == ["helpers.text: its package has no row"]


ROWS = sorted(row for row in MAY_IMPORT.keys() | MAY_NOT_IMPORT.keys() if row.split(".")[0] in our_packages())


@pytest.mark.parametrize("row", ROWS)
def test_every_row_names_an_existing_module(row: str) -> None:
    """A row for a renamed module would check nothing."""
    assert any(within(module, row) for module in our_sources())


@pytest.mark.parametrize(
    ("module", "source", "what"),
    [
        ("contract.topics", "import consumer", "consumer"),
        ("contract.topics", "from producer.shop import Shop", "producer.shop.Shop"),
        ("contract.events", "import time", "time"),
        ("contract.events", "from contract.topics import Topics", "contract.topics.Topics"),
        ("contract.snapshots", "emitted_at = datetime.now(UTC)", "now()"),
        ("consumer.domain.top", "from consumer.stream.session import run", "consumer.stream.session.run"),
        ("consumer.domain.top", "from consumer import stream", "consumer.stream"),
        ("consumer.domain.top", "import consumer.settings", "consumer.settings"),
        ("consumer.domain.top", "from ..stream import session", "consumer.stream.session"),
        ("consumer.domain.__init__", "from .. import batch", "consumer.batch"),
        ("consumer.domain.top", "from files.format import read_events", "files.format.read_events"),
        ("consumer.domain.top", "import os.path", "os.path"),
        ("consumer.domain.top", "from time import monotonic", "time.monotonic"),
        ("consumer.domain.top", "import kafka", "kafka"),
        ("consumer.domain.top", "def f():\n    import socket", "socket"),
        ("consumer.domain.top", "if TYPE_CHECKING:\n    from pathlib import Path", "pathlib.Path"),
        ("consumer.domain.top", "import random as chance", "random"),
        ("consumer.domain.top", "x = datetime.now()", "now()"),
        ("consumer.domain.top", "x = datetime.datetime.utcnow()", "utcnow()"),
        ("consumer.domain.top", "x = date.today()", "today()"),
        ("consumer.domain.top", "with open('x') as f: pass", "open()"),
        ("consumer.domain.top", "print(1)", "print()"),
        ("consumer.stream.session", "from rich.table import Table", "rich.table.Table"),
        ("consumer.stream.session", "from ltv import cli", "ltv.cli"),
        ("consumer.stream.transport.fast", "from consumer import batch", "consumer.batch"),
        ("consumer.batch", "from kafka import KafkaConsumer", "kafka.KafkaConsumer"),
        ("consumer.batch", "from consumer.stream import session", "consumer.stream.session"),
        ("consumer.batch", "import ltv", "ltv"),
        ("consumer.settings", "import producer.shop", "producer.shop"),
        ("producer.publisher", "from consumer.domain import ingest", "consumer.domain.ingest"),
        ("producer.publisher", "import ltv.stop_signals", "ltv.stop_signals"),
        ("subscriber.feed", "from consumer.stream import session", "consumer.stream.session"),
        ("subscriber.feed", "import producer", "producer"),
        ("cluster.settings", "from consumer.settings import Settings", "consumer.settings.Settings"),
        ("producer.publisher", "import typer", "typer"),
        ("broker.embedded", "import ltv", "ltv"),
        (
            "verification.event_check",
            "from contract.decode import decode_event",
            "contract.decode.decode_event",
        ),
        ("verification.recomputed", "from consumer.domain import ingest", "consumer.domain.ingest"),
        ("verification.recomputed", "import contract.lifetime_value", "contract.lifetime_value"),
        ("verification.event_place", "import contract.partitioners", "contract.partitioners"),
    ],
)
def test_the_check_finds_imports_and_calls_that_break_the_tables(module: str, source: str, what: str) -> None:
    assert violations({module: source}) == [f"{module} -> {what}"]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("contract.topics", "from contract.errors import Fatal\nimport pathlib"),
        (
            "consumer.domain.top",
            "from consumer.domain.coverage import Coverage\nimport contract.errors\nimport heapq",
        ),
        ("consumer.domain.top", "from . import aggregate\nfrom .coverage import Coverage"),
        ("consumer.domain.__init__", "from .top import Top"),
        ("consumer.domain.top", "import timeit, osmosis\nnow = 1\nknow()"),
        ("consumer.batch", "from consumer.domain import ingest\nfrom files.format import read_events"),
        ("consumer.stream.session", "import time, kafka\nfrom consumer.settings import Settings\ntime.now()"),
        ("ltv.commands.batch", "from consumer.batch import Batch\nfrom rich.table import Table"),
        ("ltv.commands.demo", "import producer, broker, consumer.stream.session, subscriber.feed"),
    ],
)
def test_the_check_accepts_what_the_tables_allow(module: str, source: str) -> None:
    assert violations({module: source}) == []


def test_the_command_prints_plain_text_in_one_module_which_escapes_it() -> None:
    direct = {"print", "typer.echo", "click.echo", "sys.stdout.write", "sys.stderr.write"}
    printing = {
        module
        for module, source in our_sources().items()
        for node in ast.walk(ast.parse(source))
        if within(module, "ltv") and isinstance(node, ast.Call) and ast.unparse(node.func) in direct
    }
    assert printing == {"ltv.console.lines"}


def test_the_domain_loads_msgspec_and_orjson_and_no_other_package() -> None:
    """Checked in a fresh interpreter, whatever form the imports have."""
    script = (
        "import sys; before = set(sys.modules); import consumer.domain; print(*set(sys.modules) - before)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in result.stdout.split()} - sys.stdlib_module_names
    assert loaded - {"typing_extensions"} == {
        "consumer",
        "contract",
        "msgspec",
        "orjson",  # For the changelog's records.
    }  # msgspec imports typing_extensions if it is installed.
