"""A real Prometheus with the rules of ops/, in which all times are SHORTER times as short."""

import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import yaml

from broker.properties import HOST
from broker.readiness import free_port
from tests.waiting import DEADLINE_S, wait_until

RULES: Final = Path(__file__).parents[2] / "ops" / "prometheus"
SHORTER: Final = 30
SECONDS_OF: Final = {"s": 1, "m": 60}

Labels = dict[str, str]


def shortened(duration: re.Match[str]) -> str:
    """A duration such as 5m, SHORTER times as short."""
    return f"{int(duration[1]) * SECONDS_OF[duration[2]] * 1000 // SHORTER}ms"


def shortened_rules(text: str) -> str:
    """The rules with shorter `for`, windows, and limits of seconds."""
    read = yaml.safe_load(text)
    for rule in (rule for group in read["groups"] for rule in group["rules"]):
        if "for" in rule:
            rule["for"] = re.sub(r"^(\d+)([sm])$", shortened, rule["for"])
        rule["expr"] = re.sub(r"(?<=\[)(\d+)([sm])(?=\])", shortened, rule["expr"])
        if "_seconds" in rule["expr"]:
            rule["expr"] = re.sub(r"(?<=> )\d+$", lambda limit: f"{int(limit[0]) / SHORTER}", rule["expr"])
    return str(yaml.safe_dump(read))


class Prometheus:
    """A process that scrapes `targets` (job, port, labels) once a second. Each answer is the data of its HTTP API."""

    def __init__(self, directory: Path, targets: list[tuple[str, int, Labels]]) -> None:
        config = yaml.safe_load((RULES / "scrape.yml").read_text())
        for file in config["rule_files"]:
            (directory / file).write_text(shortened_rules((RULES / file).read_text()))
        for job in config["scrape_configs"]:
            job["scrape_interval"] = job["scrape_timeout"] = "1s"
            job["static_configs"] = [
                {"targets": [f"{HOST}:{port}"], "labels": labels}
                for name, port, labels in targets
                if name == job["job_name"]
            ]
        config["global"] = {"evaluation_interval": "1s"}
        (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
        self._log = directory / "prometheus.log"
        self._address = f"{HOST}:{free_port()}"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={directory / 'prometheus.yml'}",
                    f"--storage.tsdb.path={directory / 'data'}",
                    f"--web.listen-address={self._address}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        wait_until(self._is_ready, "Prometheus is ready", failing=self.failing)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(DEADLINE_S)

    def failing(self) -> str:
        """The end of the log if the process has ended; else ""."""
        return "" if self._process.poll() is None else self._log.read_text(errors="replace")[-3000:]

    def firing(self) -> dict[str, set[str]]:
        """Group -> the alerts that fire."""
        found: dict[str, set[str]] = {}
        for alert in self._get("/api/v1/alerts")["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["group"], set()).add(alert["labels"]["alertname"])
        return found

    def query(self, expression: str) -> list[Any]:
        """The series of an expression, now."""
        result: list[Any] = self._get("/api/v1/query", query=expression)["result"]
        return result

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self._address}/-/ready", timeout=DEADLINE_S):
                return True
        except OSError:
            return False

    def _get(self, path: str, **query: str) -> Mapping[str, Any]:
        address = f"http://{self._address}{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=DEADLINE_S) as answer:
            data: Mapping[str, Any] = json.load(answer)["data"]
            return data
