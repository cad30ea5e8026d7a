"""Logs: structlog to stderr, as text on a terminal and as JSON elsewhere. Never log event text or secrets."""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict

from contract.printable import printable


def name_worker(instance_id: str) -> None:
    """Add the worker's instance id to every line that this thread logs from now on."""
    structlog.contextvars.bind_contextvars(worker=instance_id)


def configure() -> None:
    """Set up logging for this process.

    kafka-python's own log is not shown: while a broker is away, it writes dozens of lines a second, and tracebacks of
    errors that it recovers from. An error that matters is raised, and logged once by us.
    """
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            escape_values,
            structlog.dev.ConsoleRenderer(colors=on_terminal)
            if on_terminal
            else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.CRITICAL)
    handler.setFormatter(_PrintableFormatter("%(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.ERROR)


class _PrintableFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The record on one line."""
        return printable(super().format(record))


def escape_values(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: the values come from outside, as the names of groups and the errors of brokers do."""
    return {name: _escaped(value) for name, value in event.items()}


def _escaped(value: object) -> object:
    if isinstance(value, int | float | None):
        return value
    if isinstance(value, list | tuple):
        return [_escaped(each) for each in value]
    return printable(str(value))
