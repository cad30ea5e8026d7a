"""Several workers on one machine: a parent process starts them, restarts those that die, and stops them all."""

import multiprocessing
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Final
from uuid import uuid4

import structlog

from consumer.advertised_url import advertised_url, host_of
from consumer.health import WEDGED_AFTER_S, WorkerHealth
from consumer.logs import name_worker
from consumer.metrics import Metrics
from consumer.parent_metrics import ParentMetrics
from consumer.process_title import set_process_title
from consumer.settings import Settings
from consumer.stream.owned_customers import PresentCustomers
from consumer.stream.worker import work
from consumer.worker_views import WorkerView
from contract.errors import Fatal
from contract.printable import printable, printable_lines

FATAL_EXIT: Final = 78
"""A child's exit code after Fatal (EX_CONFIG). After any other code but 0, the parent restarts the child."""
WORKER_STOPS_WITHIN_S: Final = 6.0
STOP_DEADLINE_S: Final = 7.0
"""After so long the parent kills its workers."""
PARENT_STOPS_WITHIN_S: Final = 8.0
"""Docker kills after 10 s."""
FIRST_BACKOFF_S: Final = 0.2
MAX_BACKOFF_S: Final = 10.0
STABLE_AFTER_S: Final = 30.0

log = structlog.get_logger()


ShouldStop = Callable[[], bool]
"""Whether the process must stop."""
Prepare = Callable[[float], ShouldStop]
"""Called first in each process with the seconds within which it ends after a signal: sets up its logs and its signals.

A module-level function, for it is pickled."""


def run(settings: Settings, workers: int, prepare: Prepare) -> None:
    """Run this number of workers until they must stop, or with until_end until all are done.

    Raises:
        Fatal: going on would be wrong; all workers are stopped.
    """
    if workers == 1:
        _serve_and_work(_of_worker(settings, 0, 0), 0, prepare(WORKER_STOPS_WITHIN_S))
    else:
        _Parent(settings, workers, prepare).run(prepare(PARENT_STOPS_WITHIN_S))


def _of_worker(settings: Settings, number: int, ports_after: int) -> Settings:
    """The settings of a worker; its port is the settings' port plus `ports_after`."""
    port = settings.metrics_port
    return replace(
        settings,
        instance_id=f"{settings.instance_id}-{number}",
        metrics_port=None if port is None else port + ports_after,
        advertised_url=advertised_url(settings.advertised_url, settings.metrics_host, port, ports_after),
        worker_id=uuid4().hex,
    )


def _serve_and_work(settings: Settings, number: int, should_stop: ShouldStop) -> None:
    set_process_title(f"ltv worker {number}")
    name_worker(settings.instance_id)
    metrics = Metrics(WorkerHealth(WEDGED_AFTER_S + settings.transaction_timeout_s))
    customers = PresentCustomers()
    if settings.metrics_port is not None:
        # Who serves no port does not pay for the imports of a web server.
        from consumer.customer_page import CustomerAnswers
        from consumer.http_port import serve

        answers = CustomerAnswers(customers.find, settings.worker_id, settings.access_token)
        names = [*settings.metrics_allowed_hosts, host_of(settings.advertised_url or "")]
        serve(metrics, settings.metrics_host, settings.metrics_port, names, answers)
    work(settings, metrics, customers, should_stop)


def _work_in_child(settings: Settings, number: int, prepare: Prepare) -> None:
    try:
        _serve_and_work(settings, number, prepare(WORKER_STOPS_WITHIN_S))
    except Fatal as error:
        print(printable(f"ltv: {settings.instance_id}: {error}"), file=sys.stderr)
        sys.exit(FATAL_EXIT)
    except Exception:  # A bug. Python itself would write its text as it is.
        print(printable_lines(traceback.format_exc()), end="", file=sys.stderr)
        sys.exit(1)


@dataclass
class _Child:
    settings: Settings
    view: WorkerView
    process: SpawnProcess | None = None
    start_at: float = 0.0
    backoff_s: float = FIRST_BACKOFF_S


def _child(settings: Settings, number: int) -> _Child:
    own = _of_worker(settings, number, number + 1)
    return _Child(own, WorkerView(number, settings.metrics_host, own.metrics_port or 0))


class _Parent:
    def __init__(self, settings: Settings, workers: int, prepare: Prepare) -> None:
        self._spawn = multiprocessing.get_context("spawn")
        self._prepare = prepare
        self._settings = settings
        self._metrics = ParentMetrics(workers)
        self._children = [_child(settings, number) for number in range(workers)]

    def run(self, should_stop: ShouldStop) -> None:
        set_process_title("ltv parent")
        self._serve()
        try:
            while not should_stop() and not all(child.view.done for child in self._children):
                for child in self._children:
                    self._supervise(child)
                wait([c.process.sentinel for c in self._children if c.process], timeout=0.2)
        finally:
            self._stop_all()

    def _serve(self) -> None:
        settings = self._settings
        if settings.metrics_port is not None:
            from consumer.parent_port import serve_parent

            names = [*settings.metrics_allowed_hosts, host_of(settings.advertised_url or "")]
            views = [child.view for child in self._children]
            serve_parent(views, self._metrics, settings.metrics_host, settings.metrics_port, names)

    def _supervise(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if not child.view.done and now >= child.start_at:
                arguments = (child.settings, child.view.number, self._prepare)
                process = self._spawn.Process(target=_work_in_child, args=arguments)
                process.start()
                child.process = process
                child.view.started_at, child.view.is_running = now, True
            return
        code = child.process.exitcode
        if code is None:
            return
        child.process, child.view.is_running = None, False
        if code == 0:
            child.view.done = True
        elif code == FATAL_EXIT:
            raise Fatal(f"worker {child.settings.instance_id} stopped with the error above; all workers stop")
        else:
            child.backoff_s = (
                FIRST_BACKOFF_S if now - child.view.started_at > STABLE_AFTER_S else child.backoff_s
            )
            child.start_at = now + child.backoff_s
            log.error(
                "worker died", worker=child.settings.instance_id, exit_code=code, restart_in_s=child.backoff_s
            )
            self._metrics.restarts.labels(child.view.number).inc()
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
