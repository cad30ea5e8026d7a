"""Asks the HTTP port of this container's command whether it is alive: `python3 -m web.health_probe`, for HEALTHCHECK.

Which port is served, the variables say: LTV_METRICS_PORT, else LTV_DASHBOARD_PORT. A command without a port has nothing
to ask; while it runs, it counts as healthy.
"""

import os
import sys
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Final

PORTS: Final = (
    ("LTV_METRICS_PORT", "LTV_METRICS_HOST", "/live"),
    ("LTV_DASHBOARD_PORT", "LTV_DASHBOARD_HOST", "/api/health"),
)
"""The variables of the port and of the address it listens on, and the path that says whether the command is alive."""
ANY_ADDRESS: Final = {"", "0.0.0.0", "::"}
TIMEOUT_S: Final = 4.0


def probe(environment: Mapping[str, str]) -> str:
    """Why the command is not alive; "" if it is, or if it serves no port."""
    for port, host, path in PORTS:
        if number := environment.get(port, ""):
            address = environment.get(host, "")
            return _ask("127.0.0.1" if address in ANY_ADDRESS else address, number, path)
    return ""


def _ask(host: str, port: str, path: str) -> str:
    try:
        connection = HTTPConnection(host, int(port), timeout=TIMEOUT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read(200)
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError) as error:
        return f"{host}:{port} does not answer: {error}"
    return "" if answer.status == 200 else f"{path}: {answer.status} {body.decode(errors='replace')}"


if __name__ == "__main__":
    problem = probe(os.environ)
    print(problem or "healthy")
    sys.exit(bool(problem))
