"""When and where a benchmark runs, and on which versions: the first part of each results file."""

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Literal

import psutil

from contract import native_core

LIBRARIES: Final = ("kafka-python", "msgspec", "crc32c")
Core = Literal["python", "native"]
"""The implementation of the state; see `contract.native_core.core_in_use`."""


def conditions() -> dict[str, Any]:
    """The time, the machine and the versions of a run that begins now."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": _machine(),
        "versions": _versions(),
    }


def cores() -> tuple[Core, ...]:
    """The implementations of the state that can be measured here."""
    return ("python",) if native_core.core is None else ("python", "native")


@contextmanager
def processes_use(core: Core) -> Iterator[None]:
    """Let processes that are started in the block use this implementation."""
    before = os.environ.get(native_core.NATIVE_VARIABLE, "1")
    os.environ[native_core.NATIVE_VARIABLE] = "0" if core == "python" else "1"
    try:
        yield
    finally:
        os.environ[native_core.NATIVE_VARIABLE] = before


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(),
        "load_at_start": os.getloadavg()[0],
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def _versions() -> dict[str, str]:
    from broker.jars import KAFKA_VERSION

    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
    broker = "of KAFKA_BOOTSTRAP_SERVERS" if "KAFKA_BOOTSTRAP_SERVERS" in os.environ else KAFKA_VERSION
    return {
        "ltv": commit.stdout.strip() or version("ltv"),
        "python": platform.python_version(),
        "broker": broker,
        **{name: version(name) for name in LIBRARIES},
    }
