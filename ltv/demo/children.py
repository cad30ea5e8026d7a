"""Child processes: each has a log file, is stopped by its parent, and killed where it does not end in time."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from contract.errors import Fatal
from ltv.console.text import plain

STOP_S: Final = 15.0
SHOWN_LOG_LINES: Final = 10


class Child:
    """One command in a session of its own: Ctrl-C reaches only the parent, which stops it in turn.

    Use it as a context manager: it is stopped at the end, however the block ends.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path) -> None:
        """Start it; what it prints goes to `logs`."""
        self.name = name
        self.log = logs / f"{name}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def check(self) -> None:
        """Raises Fatal, with the last lines of its log, when it has ended by itself."""
        status = self._process.poll()
        if status is not None:
            raise Fatal(
                f"the {self.name} ended by itself ({_ending(status)}). Its last words:\n{self.log_tail()}"
            )

    def finish(self, timeout_s: float) -> None:
        """Wait until it is done; raises Fatal, with the end of its log, when it fails or takes too long."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Fatal(f"the {self.name} took longer than {timeout_s:.0f} s:\n{self.log_tail()}") from None
        if status != 0:
            raise Fatal(f"the {self.name} failed ({_ending(status)}):\n{self.log_tail()}")

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Ask it to end; then kill what is left of it and its group once it has, or at the deadline."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        """Its process id, which is its group's, too."""
        return self._process.pid

    def log_tail(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(errors="replace").splitlines()[-SHOWN_LOG_LINES:]
        return "\n".join(f"  {plain(line)}" for line in lines) or "  (it said nothing)"


def _ending(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
