"""Asks a worker over its HTTP port whether it is ready, and for its metrics."""

import re
import urllib.request
from typing import Final

from broker.properties import HOST
from broker.readiness import free_port

TIMEOUT_S: Final = 5.0


class WorkerPort:
    """A free port for one worker, and what the worker answers there."""

    def __init__(self) -> None:
        self._port = free_port()
        self.options = ("--metrics-port", str(self._port))
        """What makes `ltv consume` listen on this port."""

    def is_ready(self) -> bool:
        return self._get("/ready") != ""

    def metric(self, name: str) -> list[float]:
        """The values of a metric, for all its labels; none if the worker does not answer."""
        lines = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", self._get("/metrics"), re.MULTILINE)
        return list(map(float, lines))

    def _get(self, path: str) -> str:
        """The answer's text; "" if there is none, or an error."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self._port}{path}", timeout=TIMEOUT_S) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""
