"""Child processes: each has a log file; its parent stops it, and kills it if it does not end in time."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from contract.errors import Fatal

STOP_S: Final = 15.0
SHOWN_LOG_LINES: Final = 10


class Child:
    """One command in a separate session: Ctrl-C reaches only the parent, which then stops the child.

    Use it as a context manager: the child is stopped at the end, also after an error.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path) -> None:
        """Start the command; its output goes to a file in `logs`."""
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
        """Raise Fatal, with the end of its log, if the child has ended by itself."""
        status = self._process.poll()
        if status is not None:
            raise self._fatal(f"the {self.name} ended by itself ({_ending(status)})")

    def finish(self, timeout_s: float) -> None:
        """Wait until the child ends; raises Fatal, with the end of its log, if the child fails or takes too long."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise self._fatal(f"the {self.name} took longer than {timeout_s:.0f} s") from None
        if status != 0:
            raise self._fatal(f"the {self.name} failed ({_ending(status)})")

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Ask the child to end; then, at the latest after `timeout_s`, kill what is left of its process group."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        """The process id of the child, which is also the id of its process group."""
        return self._process.pid

    def _fatal(self, what: str) -> Fatal:
        lines = self.log.read_text(errors="replace").splitlines()[-SHOWN_LOG_LINES:]
        return Fatal(f"{what}. The end of its log:", lines or ["(its log is empty)"])


def _ending(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"
