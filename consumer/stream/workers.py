"""Several workers on one machine: a parent starts them, restarts one that dies, and stops them all cleanly."""

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Final

import structlog

from consumer import metrics
from consumer.settings import Settings
from consumer.stream.worker import work
from contract.errors import Fatal

FATAL_EXIT: Final = 78
"""A child's way to say Fatal to its parent (EX_CONFIG): any other code but 0 is a death, to be restarted."""
STOP_DEADLINE_S: Final = 20.0
FIRST_BACKOFF_S: Final = 0.2
MAX_BACKOFF_S: Final = 10.0
STABLE_AFTER_S: Final = 30.0

log = structlog.get_logger()


def run(settings: Settings, workers: int, configure_logging: Callable[[], None]) -> None:
    """Run so many workers until a signal, or with until_end until all are done.

    Raises:
        Fatal: going on would be wrong; all workers are stopped.
    """
    stop = _StopSignal()
    if workers == 1:
        _serve_and_work(_of_worker(settings, 0), stop)
    else:
        _Parent(settings, workers, configure_logging).run(stop)


def _of_worker(settings: Settings, number: int) -> Settings:
    port = settings.metrics_port
    return replace(
        settings,
        instance_id=f"{settings.instance_id}-{number}",
        metrics_port=None if port is None else port + number,
    )


def _serve_and_work(settings: Settings, stop: Callable[[], bool]) -> None:
    if settings.metrics_port is not None:
        metrics.serve(settings.metrics_host, settings.metrics_port)
    work(settings, stop)


class _StopSignal:
    """True once SIGTERM or SIGINT has come, or the parent process has gone."""

    def __init__(self) -> None:
        self._came = False
        self._parent = os.getppid()
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = True

    def __call__(self) -> bool:
        return self._came or os.getppid() != self._parent


def _work_in_child(settings: Settings, configure_logging: Callable[[], None]) -> None:
    configure_logging()
    try:
        _serve_and_work(settings, _StopSignal())
    except Fatal as error:
        print(f"ltv: {settings.instance_id}: {error}", file=sys.stderr)
        sys.exit(FATAL_EXIT)


@dataclass
class _Child:
    settings: Settings
    process: SpawnProcess | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    backoff_s: float = FIRST_BACKOFF_S
    done: bool = False


class _Parent:
    def __init__(self, settings: Settings, workers: int, configure_logging: Callable[[], None]) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self._configure_logging = configure_logging
        self._children = [_Child(_of_worker(settings, number)) for number in range(workers)]

    def run(self, stop: Callable[[], bool]) -> None:
        try:
            while not stop() and not all(child.done for child in self._children):
                for child in self._children:
                    self._see_to(child)
                wait([c.process.sentinel for c in self._children if c.process], timeout=0.2)
        finally:
            self._stop_all()

    def _see_to(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if not child.done and now >= child.start_at:
                process = self._spawn.Process(
                    target=_work_in_child, args=(child.settings, self._configure_logging)
                )
                process.start()
                child.process, child.started_at = process, now
            return
        code = child.process.exitcode
        if code is None:
            return
        child.process = None
        if code == 0:
            child.done = True
        elif code == FATAL_EXIT:
            raise Fatal(
                f"worker {child.settings.instance_id} has stopped for the cause above; all workers stop"
            )
        else:
            child.backoff_s = FIRST_BACKOFF_S if now - child.started_at > STABLE_AFTER_S else child.backoff_s
            child.start_at = now + child.backoff_s
            log.error(
                "worker died", worker=child.settings.instance_id, exit_code=code, restart_in_s=child.backoff_s
            )
            child.backoff_s = min(2 * child.backoff_s, MAX_BACKOFF_S)

    def _stop_all(self) -> None:
        running = [child.process for child in self._children if child.process]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_DEADLINE_S
        for process in running:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                log.error("worker did not stop in time; killed", pid=process.pid)
                process.kill()
                process.join()
