"""`make soak`: random faults at random instants, under the highest load that the consumer keeps up with.

A soak has epochs, each with a new application and broker. New snapshots are checked all the time; at the end
of an epoch all invariants are checked, restart included. After a violation the exit code is 1, and the logs are kept.
"""

import argparse
import json
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psutil

from broker.embedded import EmbeddedBroker
from tests.faults.brokers import one_node
from tests.faults.harness import SESSION_TIMEOUT_S, Application, Process, application
from tests.faults.invariants import hold, series_is_whole
from tests.waiting import wait_until

FIRST_RATE: Final = 2_000
MIN_RATE: Final = 500
FASTER: Final = 1.25
SLOWER: Final = 0.7
HELD_LAG_S: Final = 2.0
"""The consumer keeps up with a rate if snapshots, some time after a fault, are at most this far behind."""
MAX_LAG_S: Final = 5.0
SLOW_RECOVERY_S: Final = 20.0
"""At this interval, while snapshots do not catch up, the rate is lowered: other programs may use this machine, too."""
RECOVERY_S: Final = 300.0
"""Within this time after a fault the snapshots must have caught up."""
EPOCH_EVENTS: Final = 1_000_000
OVERLAP: Final = 0.25
"""The share of faults that are followed by the next one at once, before the recovery."""
WORKERS: Final = {"one": 2, "two": 1}
POINTS: Final = ("send", "before_offsets", "before_commit", "in_flight", "after_commit")


@dataclass
class Figures:
    """The results of a soak."""

    events: int = 0
    snapshots: int = 0
    epochs: int = 0
    loaded_s: float = 0.0
    held_rate: int = 0
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    restores: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def as_json(self, seed: int) -> dict[str, Any]:
        return {
            "seed": seed,
            "epochs": self.epochs,
            "events": self.events,
            "snapshots": self.snapshots,
            "events_per_s": round(self.events / self.loaded_s) if self.loaded_s else 0,
            "highest_rate_held_per_s": self.held_rate,
            "faults": {kind: _spread(times) for kind, times in sorted(self.recoveries.items())},
            "faults_in_all": sum(map(len, self.recoveries.values())),
            "restores": _spread(self.restores),
            "violations": self.violations,
        }


class Epoch:
    """One application, its instances, and the faults that hit them."""

    def __init__(
        self, app: Application, broker: EmbeddedBroker, chance: random.Random, figures: Figures
    ) -> None:
        self._app = app
        self._broker = broker
        self._chance = chance
        self._figures = figures
        self._checked = 0
        self._instances: dict[str, Process] = {}
        self._visitors = 0
        self.faults: dict[str, Callable[[], None]] = {
            "worker killed": self._kill_worker,
            "instance killed": self._kill_instance,
            "killed in a commit": self._kill_in_commit,
            "worker stalled": self._stall_worker,
            "instance restarted": self._restart_instance,
            "member joins and leaves": self._join_and_leave,
            "broker killed": self._kill_broker,
            "broker restarted": self._restart_broker,
        }

    def run(self, until: float, rate: int, max_rate: int) -> int:
        """Inject faults until the time is over, then check all invariants; returns the first rate of the next epoch."""
        app, chance = self._app, self._chance
        began = time.monotonic()
        app.load.start(rate)
        for name in WORKERS:
            self._start(name)
        self._recovered(app.load.delivered + 1)
        kinds: list[str] = []
        pending: list[str] = []
        while time.monotonic() < until and app.load.delivered < EPOCH_EVENTS:
            if not kinds:
                kinds = chance.sample(sorted(self.faults), len(self.faults))
            kind = kinds.pop()
            _say(f"{kind} ({app.load.delivered} events, {app.load.rate}/s)")
            self.faults[kind]()
            pending.append(kind)
            if chance.random() < OVERLAP:
                continue
            took = self._recovered(app.load.delivered)
            for each in pending:
                self._figures.recoveries.setdefault(each, []).append(took)
            pending.clear()
            self._wait(chance.uniform(1, 5))
            self._steer(max_rate)
        sent = app.load.stop()
        took = self._recovered(sent)
        for each in pending:
            self._figures.recoveries.setdefault(each, []).append(took)
        self._figures.loaded_s += time.monotonic() - began
        self._figures.events += sent
        hold(app)
        self._figures.snapshots += len(app.snapshots())
        return app.load.rate

    def _steer(self, max_rate: int) -> None:
        """Raise the rate if the consumer keeps up with it; lower it if the consumer is far behind."""
        load, rate = self._app.load, self._app.load.rate
        lag_s = (load.delivered - self._app.covered()) / rate
        if lag_s < HELD_LAG_S:
            self._figures.held_rate = max(self._figures.held_rate, rate)
            load.rate = min(int(rate * FASTER), max_rate)
        elif lag_s > MAX_LAG_S:
            load.rate = max(int(rate * SLOWER), MIN_RATE)

    def _start(self, name: str, *options: str, **environment: str) -> Process:
        workers = str(WORKERS.get(name, 1))
        process = self._app.start(name, "--workers", workers, *options, **environment)
        self._instances[name] = process
        return process

    def _trouble(self) -> str:
        """Check invariants 3 and 5 on new snapshots; returns why the soak can't go on, or ""."""
        snapshots = self._app.snapshots()
        if len(snapshots) > self._checked:
            last = max(0, self._checked - 1)
            assert snapshots[last]["sequence"] == last + 1, "invariant 3: sequences"
            series_is_whole([{**each, "sequence": each["sequence"] - last} for each in snapshots[last:]])
            self._checked = len(snapshots)
        return "".join(
            f"{name} {process.ended()}" for name, process in self._instances.items() if process.ended()
        )

    def _recovered(self, records: int) -> float:
        """Wait until snapshots count `records`; returns the seconds it took."""
        load, lighter_at = self._app.load, time.monotonic() + SLOW_RECOVERY_S

        def covered() -> bool:
            nonlocal lighter_at
            if time.monotonic() > lighter_at:
                lighter_at += SLOW_RECOVERY_S
                load.rate = max(int(load.rate * SLOWER), MIN_RATE)
            return self._app.covered() >= records

        return wait_until(
            covered, f"snapshots cover {records} records", within_s=RECOVERY_S, failing=self._trouble
        )

    def _wait(self, seconds: float) -> None:
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            assert not (why := self._trouble()), why
            time.sleep(0.05)

    def _kill_worker(self) -> None:
        with suppress(psutil.NoSuchProcess, IndexError):
            self._chance.choice(self._instances["one"].workers()).kill()

    def _kill_instance(self) -> None:
        name = self._chance.choice(sorted(WORKERS))
        self._instances[name].close()
        self._start(name)

    def _kill_in_commit(self) -> None:
        """Kill a visitor at a point of an early commit; its partitions are reassigned when its session expires."""
        name = self._visitor()
        fault = f"{self._chance.choice(POINTS)}:{self._chance.randrange(1, 9)}:SIGKILL"
        visitor = self._start(name, LTV_TEST_FAULT_AT=fault)
        del self._instances[name]
        wait_until(visitor.ended, f"the visitor dies of {fault}", within_s=RECOVERY_S, failing=self._trouble)
        code = visitor.wait().code
        assert code == -signal.SIGKILL, f"the visitor for {fault} {visitor.ended()}"

    def _stall_worker(self) -> None:
        with suppress(psutil.NoSuchProcess, IndexError):
            worker = self._chance.choice(self._instances["one"].workers())
            worker.suspend()
            try:
                self._wait(SESSION_TIMEOUT_S + self._chance.uniform(-1, 6))
            finally:
                worker.resume()

    def _restart_instance(self) -> None:
        name = self._chance.choice(sorted(WORKERS))
        self._stop(name)
        self._start(name)

    def _join_and_leave(self) -> None:
        name = self._visitor()
        self._start(name)
        self._wait(self._chance.uniform(1, 12))
        self._stop(name)

    def _kill_broker(self) -> None:
        self._broker.kill()
        self._wait(self._chance.uniform(0, 8))
        self._broker.start()

    def _restart_broker(self) -> None:
        self._broker.stop()
        self._broker.start()

    def _stop(self, name: str) -> None:
        ended = self._instances.pop(name).stop()
        # A SIGTERM during Python's start, before the program's handler is set, kills the process.
        well = ended.code == 0 or (ended.code == -signal.SIGTERM and not ended.log)
        assert well, f"{name} did not stop well: {ended.code}\n{ended.log[-3000:]}"

    def _visitor(self) -> str:
        self._visitors += 1
        return f"visitor-{self._visitors}"


def restores(logs: Iterable[str]) -> list[float]:
    """Seconds from an assignment to ready, for assignments with a partition to restore."""
    found: list[float] = []
    for log in logs:
        assigned: dict[tuple[int, ...], float] = {}
        restored: set[int] = set()
        for line in log.splitlines():
            try:
                entry = json.loads(line)
                at = datetime.fromisoformat(entry["timestamp"]).timestamp()
                event = entry["event"]
            except (ValueError, KeyError, TypeError):
                continue
            if event == "partitions assigned":
                assigned[tuple(entry["partitions"])] = at
                restored -= set(entry["partitions"])
            elif event == "restored":
                restored.add(entry["partition"])
            elif event == "ready":
                partitions = tuple(entry["partitions"])
                if partitions in assigned and restored & set(partitions):
                    found.append(at - assigned.pop(partitions))
    return found


def soak(minutes: float, epoch_minutes: float, seed: int, max_rate: int) -> Figures:
    """Run epochs for `minutes`, at least one."""
    figures, chance = Figures(), random.Random(seed)
    over = time.monotonic() + 60 * minutes
    rate = FIRST_RATE
    directory = Path(tempfile.mkdtemp(prefix="ltv-soak-"))
    while time.monotonic() < over or not figures.epochs:
        figures.epochs += 1
        logs = directory / f"epoch-{figures.epochs}"
        logs.mkdir()
        until = min(over, time.monotonic() + 60 * epoch_minutes)
        with (
            one_node() as broker,
            application(broker.bootstrap_servers, logs, chance.randrange(10**6)) as app,
        ):
            _say(f"epoch {figures.epochs}, load of seed {app.seed}, logs in {logs}")
            try:
                rate = Epoch(app, broker, chance, figures).run(until, rate, max_rate)
            except Exception as error:  # Noted as a violation; the next epoch has a new application.
                figures.violations.append(f"epoch {figures.epochs}: {type(error).__name__}: {error}")
                _say(f"VIOLATION: {figures.violations[-1]}")
                shutil.copy(broker.log, logs)
            else:
                _say(f"epoch {figures.epochs} holds")
            figures.restores += restores(app.logs())
        if not figures.violations:
            shutil.rmtree(logs)
    return figures


def table(figures: dict[str, Any]) -> str:
    """The figures as a text table."""
    lines = [
        f"{name.replace('_', ' '):28} {value:>9,}"
        for name, value in figures.items()
        if isinstance(value, int)
    ]
    lines += ["", f"{'fault':28} {'survived':>9} {'caught up after: median s':>26} {'max s':>7}"]
    for kind, spread in (*figures["faults"].items(), ("(restore, from the logs)", figures["restores"])):
        lines.append(f"{kind:28} {spread['count']:>9} {spread['median_s']:>26.2f} {spread['max_s']:>7.2f}")
    lines += ["", f"{'violations':28} {len(figures['violations']):>9}", *figures["violations"]]
    return "\n".join(lines)


def _spread(times: list[float]) -> dict[str, Any]:
    return {
        "count": len(times),
        "median_s": round(statistics.median(times), 2) if times else 0.0,
        "max_s": round(max(times, default=0.0), 2),
    }


def _say(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {text}", flush=True)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument(
        "--epoch-minutes",
        type=float,
        default=4,
        help="length of an epoch, after which all invariants are checked",
    )
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**6), help="seed of the faults and the load"
    )
    parser.add_argument("--max-rate", type=int, default=20_000, help="the most events a second")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    _say(f"seed {given.seed}")
    figures = soak(given.minutes, given.epoch_minutes, given.seed, given.max_rate).as_json(given.seed)
    text = json.dumps(figures, ensure_ascii=False)
    if given.json:
        given.json.write_text(text + "\n")
    print(f"\n{table(figures)}\n\n{text}")
    sys.exit(1 if figures["violations"] else 0)


if __name__ == "__main__":
    main()
