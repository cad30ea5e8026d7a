"""What every benchmark measures by: a command's CPU seconds (of its whole process tree), wall time, peak memory."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple


class Run(NamedTuple):
    """One run of a contestant: seconds and MiB."""

    cpu_s: float
    wall_s: float
    peak_mib: float


def measure(command: Sequence[str], environment: Mapping[str, str]) -> Run:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; says what it printed.
    """
    began = time.monotonic()
    process = Popen(command, env={**os.environ, **environment}, stdout=DEVNULL, stderr=PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {said[-2000:].decode()}")
    return Run(usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_maxrss / 1024)


def write_json(path: Path, figures: Any) -> None:
    """Keep the figures of a benchmark; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")


@contextmanager
def cluster() -> Iterator[str]:
    """The bootstrap servers of KAFKA_BOOTSTRAP_SERVERS, or of an embedded broker that lives as long as the block."""
    servers = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if servers:
        yield servers
        return
    from broker import jars
    from broker.embedded import EmbeddedBroker

    jars.fetch()
    with (
        TemporaryDirectory(prefix="ltv-bench-") as folder,
        EmbeddedBroker(None, Path(folder) / "kafka") as broker,
    ):
        yield broker.bootstrap_servers
