"""Logs: structlog to stderr, as text on a terminal and as JSON elsewhere. Never log event text or secrets."""

import logging
import sys

import structlog


def configure() -> None:
    """Set up logging for this process.

    kafka-python's own log is not shown: while a broker is away, it writes dozens of lines a second, and tracebacks of
    errors that it recovers from. An error that matters is raised, and logged once by us.
    """
    on_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=on_terminal)
            if on_terminal
            else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.CRITICAL)
    logging.basicConfig(handlers=[handler], level=logging.ERROR, format="%(name)s: %(message)s")
