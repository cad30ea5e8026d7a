"""A worker: one session after another, until it must stop. After a retriable error it waits, then starts the next."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final

import structlog

from cluster.deadline import Deadline
from cluster.errors import Fenced
from cluster.frames import left_off
from consumer.metrics import FailureCause, Metrics
from consumer.settings import Settings
from consumer.stream.invalid_limit import InvalidLimit
from consumer.stream.minute_summary import MinuteSummary
from consumer.stream.owned_customers import PresentCustomers
from consumer.stream.session import Session
from consumer.stream.transport import Clients
from consumer.stream.transport.kafka_python import connect
from contract.errors import Fatal, Retriable
from contract.native_core import core_in_use

FIRST_BACKOFF_S: Final = 0.5
MAX_BACKOFF_S: Final = 2.0

log = structlog.get_logger()


def work(
    settings: Settings, metrics: Metrics, customers: PresentCustomers, should_stop: Callable[[], bool]
) -> None:
    """Consume until `should_stop`, or with until_end until the end; then commit and leave the group.

    Args:
        settings: of this worker.
        metrics: what it counts.
        customers: is told of each session, for those who ask for a customer.
        should_stop: whether to stop.

    Raises:
        Fatal: going on would be wrong, or with until_end no connection was made within connect_timeout_s. Uncommitted
            work is dropped.
    """
    _log_start(settings)
    limit = InvalidLimit(settings)
    summary = MinuteSummary(metrics, time.monotonic)
    backoff_s = FIRST_BACKOFF_S
    first_connection = Deadline(settings.connect_timeout_s if settings.until_end else math.inf)
    connected = False
    while not should_stop():
        session: Session | None = None
        metrics.health.turned()
        try:
            with _connected(settings) as clients:
                connected = True
                session = Session(settings, clients, metrics, limit)
                with customers.of(session.customers):
                    while not should_stop() and not session.finished:
                        session.step()
                        summary.log_if_due()
                    if not session.finished:
                        session.commit()
                clients.consumer.close()
                clients.admin.leave_group()
                log.info("stopped", finished=session.finished)
                return
        except Retriable as error:
            if not connected and first_connection.is_over:
                raise Fatal(
                    f"not connected within --connect-timeout-s {settings.connect_timeout_s:g}: {error}"
                ) from error
            backoff_s = (
                FIRST_BACKOFF_S if session and session.was_ready else min(2 * backoff_s, MAX_BACKOFF_S)
            )
            metrics.set_not_ready("waiting for the cluster")
            metrics.clear_session()
            metrics.failed_sessions.labels(_cause(error, session)).inc()
            log.warning("waiting for the cluster", cause=str(error), retry_in_s=backoff_s)
            _wait(backoff_s, should_stop)
            summary.log_if_due()


def _log_start(settings: Settings) -> None:
    log.info(
        "started",
        version=version("ltv"),
        core=core_in_use(),
        brokers=settings.cluster.bootstrap_servers,
        events_topic=settings.topics.events,
        prefix=settings.topics.prefix,
        group=settings.group,
        instance=settings.instance_id,
        partitioner=settings.partitioner,
    )
    if why := left_off():
        log.warning("receives in small pieces, which takes more CPU", cause=why)


def _cause(error: Retriable, session: Session | None) -> FailureCause:
    if isinstance(error, Fenced):
        return "fenced"
    if session is None:
        return "no_connection"
    return "cluster" if session.was_ready else "restore"


@contextmanager
def _connected(settings: Settings) -> Iterator[Clients]:
    clients = connect(settings)
    try:
        yield clients
    finally:
        for client in (clients.producer, clients.consumer, clients.reader, clients.admin):
            client.close()


def _wait(seconds: float, should_stop: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not should_stop():
        time.sleep(0.05)
