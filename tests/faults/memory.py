"""The memory of a running process, from Linux's /proc: resident now, and at its peak since the last reset."""

from pathlib import Path
from typing import Final

RESET_PEAK: Final = "5"
"""What /proc/PID/clear_refs takes for it."""
KIB: Final = 1024


def is_measurable() -> bool:
    """Whether this system has /proc."""
    return Path("/proc/self/clear_refs").exists()


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)


def peak_mib(pid: int) -> float:
    """The most that was resident since the start of the process, or since `reset_peak`; 0 if it has ended."""
    return _field(pid, "VmHWM")


def resident_mib(pid: int) -> float:
    return _field(pid, "VmRSS")


def _field(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return int(found.get(name, "0").split()[0]) / KIB
