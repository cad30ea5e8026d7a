"""One application under fault: its load, its real `ltv consume` processes, and waits for their snapshots."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import psutil

from tests.faults.load import Load
from tests.faults.topics import Cluster, Record, Tail
from tests.waiting import DEADLINE_S, wait_until

PARTITIONS: Final = 4
CUSTOMERS: Final = 200
TOP: Final = 1000
"""More than there are customers: the snapshot has every customer, so the oracle can check all of them."""
SESSION_TIMEOUT_S: Final = 6
IDLE_S: Final = 5.0

POINTS: Final = ("send", "before_offsets", "before_commit", "in_flight")
"""The points where a commit can be held (LTV_TEST_FAULT_AT)."""

LTV: Final = (sys.executable, "-m", "ltv")


class Ended(NamedTuple):
    """A process's exit code and log."""

    code: int
    log: str

    @property
    def is_clean(self) -> bool:
        """Whether it ended as it should after SIGTERM, which kills Python before the program's handler is set."""
        return self.code == 0 or (self.code == -signal.SIGTERM and not self.log)

    @property
    def last_line(self) -> str:
        """The last line of the log."""
        return last_line(self.log)


def last_line(log: str) -> str:
    """The last line of a log; "" if it is empty."""
    return log.strip().splitlines()[-1] if log.strip() else ""


class Process:
    """A running `ltv` command with its log."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self._process = psutil.Popen(
                command, stdout=file, stderr=subprocess.STDOUT, env={**os.environ, **environment}
            )

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def ended(self) -> str:
        """The exit code and the end of the log; "" while the process runs."""
        code = self._process.poll()
        return "" if code is None else f"ended with {code}:\n{self.log[-3000:]}"

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def is_stopped(self) -> bool:
        """Whether SIGSTOP has stopped the process."""
        return bool(self._process.status() == psutil.STATUS_STOPPED)

    def workers(self) -> list[psutil.Process]:
        """The child processes of a parent that runs several workers."""
        found = []
        for child in self._process.children(recursive=True):
            try:
                if any("spawn_main" in word for word in child.cmdline()):
                    found.append(child)
            except psutil.Error:  # It has just ended.
                continue
        return found

    def wait(self, within_s: float = DEADLINE_S) -> Ended:
        """Wait until the process ends."""
        try:
            code = self._process.wait(within_s)
        except psutil.TimeoutExpired:
            raise AssertionError(f"still running after {within_s:.0f} s:\n{self.log[-3000:]}") from None
        return Ended(code, self.log)

    def stop(self, within_s: float = DEADLINE_S) -> Ended:
        """Send SIGTERM, and wait until the process ends."""
        self.send(signal.SIGTERM)
        return self.wait(within_s)

    def wait_for_log(self, text: str, times: int = 1, within_s: float = DEADLINE_S) -> None:
        """Wait until the log has this text `times` times."""
        wait_until(
            lambda: self.log.count(text) >= times,
            f"{text!r} in the log",
            within_s=within_s,
            failing=self.ended,
            state=lambda: f"Its log ends:\n{self.log[-3000:]}",
        )

    def close(self) -> None:
        """Kill all processes that still run."""
        if self._process.poll() is None:
            processes = [*self._process.children(recursive=True), self._process]
            for process in processes:
                process.kill()
            psutil.wait_procs(processes, timeout=DEADLINE_S)


class Application:
    """An events topic with its load, a prefix, a group, and instances that the tests start and stop."""

    def __init__(self, servers: str, directory: Path, seed: int, *, through: str = "", **topic: Any) -> None:
        """`servers` are the brokers; the consumers connect `through` another address, if one is given."""
        name = uuid4().hex[:8]
        self.seed = seed
        self.cluster = Cluster(servers)
        self.events, self.prefix, self.group = f"events-{name}", f"app-{name}", f"group-{name}"
        self._through = through or servers
        self._directory = directory
        self._processes: list[Process] = []
        self._ran_at = time.monotonic()
        self._tail: Tail | None = None
        self._snapshots: list[dict[str, Any]] = []
        self.cluster.create(self.events, **{"partitions": PARTITIONS, **topic})
        self.load = Load(servers, self.events, seed, CUSTOMERS)

    def start(self, name: str = "one", *options: str, **environment: str) -> Process:
        """Start an instance of `ltv consume`; options override the usual ones."""
        usual = {
            "--events-topic": self.events,
            "--prefix": self.prefix,
            "--group": self.group,
            "--instance-id": name,
            "--top": str(TOP),
            "--snapshot-interval-s": "0.5",
            "--commit-interval-s": "0.1",
            "--session-timeout-s": str(SESSION_TIMEOUT_S),
        }
        command = [*LTV, "consume", *(word for option in usual.items() for word in option), *options]
        log = self._directory / f"{self.prefix}-{len(self._processes)}-{name}.log"
        process = Process(command, {"KAFKA_BOOTSTRAP_SERVERS": self._through, **environment}, log)
        self._processes.append(process)
        return process

    def topic(self, name: str) -> str:
        """One of the application's own topics."""
        return f"{self.prefix}.{name}"

    def snapshots(self) -> list[dict[str, Any]]:
        """All snapshots so far, in order."""
        if self._tail is None and self.cluster.partitions(self.topic("snapshots")):
            self._tail = Tail(self.cluster, self.topic("snapshots"))
        if self._tail:
            self._snapshots += [json.loads(record.value or b"") for record in self._tail.new()]
        return self._snapshots

    def covered(self) -> int:
        """The number of records that the newest snapshot counts."""
        snapshots = self.snapshots()
        if not snapshots:
            return 0
        totals = snapshots[-1]["totals"]
        return int(totals["events"] + totals["dead_letters"])

    def wait_for(self, records: int, *running: Process, within_s: float = DEADLINE_S) -> float:
        """Wait until a snapshot counts `records`; fails if one of these processes ends. Returns the seconds."""
        self._ran_at = time.monotonic()
        return wait_until(
            lambda: self.covered() >= records,
            f"{records} records in a snapshot of seed {self.seed}",
            within_s=within_s,
            failing=lambda: "".join(process.ended() for process in running) or self._idle(),
            state=lambda: f"The newest covers {self.covered()}.",
        )

    def _idle(self) -> str:
        """A reason to stop waiting if no process has run for IDLE_S; otherwise ""."""
        if any(not process.ended() for process in self._processes):
            self._ran_at = time.monotonic()
        return "no consumer runs" if time.monotonic() > self._ran_at + IDLE_S else ""

    def catch_up(self) -> None:
        """Run an instance that consumes all records on the topic and ends."""
        ended = self.start("one", "--until-end").wait()
        assert ended.code == 0, ended.log[-3000:]

    def wait_for_more(self, *running: Process, within_s: float = DEADLINE_S) -> float:
        """Wait until a snapshot counts more records than the present one."""
        return self.wait_for(self.covered() + 1, *running, within_s=within_s)

    def events_on_topic(self) -> list[Record]:
        return self.cluster.read(self.events)

    def logs(self) -> Iterator[str]:
        return (process.log for process in self._processes)

    def stop_all(self) -> None:
        """Send SIGTERM to all running processes; each must end cleanly."""
        for process in self._processes:
            if not process.ended():
                ended = process.stop()
                assert ended.is_clean, ended.log[-3000:]

    def close(self) -> None:
        for process in self._processes:
            process.close()
        self.load.close()
        if self._tail:
            self._tail.close()
        self.cluster.close()


@contextmanager
def application(servers: str, directory: Path, seed: int, **options: Any) -> Iterator[Application]:
    """An application whose processes end with the block."""
    made = Application(servers, directory, seed, **options)
    try:
        yield made
    finally:
        made.close()
