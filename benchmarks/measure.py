"""Measures a command: CPU seconds (of its whole process tree), wall time, peak memory."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from tempfile import TemporaryDirectory
from typing import IO, Any, Final, NamedTuple

import psutil

LTV: Final = (sys.executable, "-m", "ltv")
MIB: Final = 1 << 20
SAMPLED_EVERY_S: Final = 0.2


class Sample(NamedTuple):
    """A process and its descendants together at one moment: seconds since 1970, CPU seconds so far, and MiB."""

    at_s: float
    cpu_s: float
    mib: float
    machine_cpu_s: float
    """CPU seconds so far of all processes of this machine."""


class Run(NamedTuple):
    """One run of a contestant: seconds and MiB."""

    cpu_s: float
    wall_s: float
    peak_mib: float
    machine_cpu_s: float
    """CPU seconds of all processes of this machine meanwhile, the broker's too, if it is here."""


def measure(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdout: int | IO[Any] = DEVNULL,
    limit_s: float | None = None,
    samples: list[Sample] | None = None,
) -> Run:
    """Run a command until it ends; samples of it are appended to `samples`.

    Raises:
        RuntimeError: it failed, or took longer than the limit; the text has the end of its stderr.
    """
    machine_before_s = _machine_cpu_s()
    began = time.monotonic()
    process = Popen(command, env={**os.environ, **environment}, stdout=stdout, stderr=PIPE)
    limit = threading.Timer(limit_s or threading.TIMEOUT_MAX, process.kill)
    limit.daemon = True
    limit.start()
    samples = [] if samples is None else samples
    with _sampling(process.pid, samples):
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - began
    limit.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {errors[-2000:].decode()}")
    return Run(
        usage.ru_utime + usage.ru_stime,
        wall_s,
        max([usage.ru_maxrss / 1024, *(sample.mib for sample in samples)]),
        _machine_cpu_s() - machine_before_s,
    )


def _machine_cpu_s() -> float:
    """CPU seconds of all processes of this machine since its start."""
    times = psutil.cpu_times()
    return sum(getattr(times, kind, 0.0) for kind in ("user", "nice", "system", "irq", "softirq"))


@contextmanager
def _sampling(pid: int, samples: list[Sample]) -> Iterator[None]:
    """Sample a process and its descendants while the block runs."""
    done = threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLED_EVERY_S):
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                tree = [process, *process.children(recursive=True)]
                cpu_s = sum(sum(each.cpu_times()[:2]) for each in tree)
                mib = sum(each.memory_info().rss for each in tree) / MIB
                samples.append(Sample(time.time(), cpu_s, mib, _machine_cpu_s()))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def write_json(path: Path, figures: Any) -> None:
    """Write the figures of a benchmark; creates the file's folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=1) + "\n")


@contextmanager
def cluster() -> Iterator[str]:
    """The bootstrap servers of KAFKA_BOOTSTRAP_SERVERS, or of an embedded broker that runs during the block."""
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
