"""Logs: structlog to stderr; lines for people on a terminal, JSON elsewhere. No event text, no secret goes in."""

import logging
import sys

import structlog


def configure() -> None:
    """Set up logging for this process.

    What kafka-python logs of its own is not shown: while a broker is away it is dozens of lines a second, and
    tracebacks of what it recovers from. What matters is raised, and told once, in our words.
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
