"""The rules name metrics that exist, and each alert has what somebody on call needs; promtool runs its own tests."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.settings import Cluster
from consumer.metric_catalogue import PARENT_METRICS, WORKER_METRICS
from consumer.settings import Settings

ROOT = Path(__file__).parents[2]
OPS = ROOT / "ops"
RULES = OPS / "prometheus"
NAMES = {entry.name for entry in (*WORKER_METRICS, *PARENT_METRICS)}


def rules(file: str) -> list[dict[str, Any]]:
    read = yaml.safe_load((RULES / file).read_text())
    return [rule for group in read["groups"] for rule in group["rules"]]


ALERTS = rules("alerts.rules.yml")
RECORDED = rules("recording.rules.yml")
NAMED = {rule["alert"]: rule for rule in ALERTS}


@pytest.mark.parametrize("file", sorted(path.name for path in RULES.glob("*.yml")))
def test_every_metric_in_a_file_is_in_the_catalogue(file: str) -> None:
    text = re.sub(r"group:ltv_\w+:\w+", "", (RULES / file).read_text())
    assert set(re.findall(r"\bltv_\w+\b", text)) <= NAMES


def test_every_recorded_metric_that_an_alert_needs_is_recorded() -> None:
    used = {name for rule in ALERTS for name in re.findall(r"group:\w+:\w+", rule["expr"])}
    assert used <= {rule["record"] for rule in RECORDED}


@pytest.mark.parametrize("name", NAMED)
def test_an_alert_waits_has_a_severity_and_an_entry_in_the_runbook(name: str) -> None:
    rule = NAMED[name]
    assert rule["for"]
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["runbook"] == f"ops/RUNBOOK.md#{name.lower()}"
    assert f"\n## {name}\n" in (OPS / "RUNBOOK.md").read_text()


def test_an_entry_of_the_runbook_says_what_it_means_where_to_look_and_what_to_do() -> None:
    entries = re.findall(
        r"^## Ltv\w+$(.*?)(?=^## )", (OPS / "RUNBOOK.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert len(entries) >= 10
    for entry in entries:
        assert re.findall(r"^\*\*(\w+)\*\*:", entry, re.MULTILINE) == ["Means", "Look", "Do"]
        assert "`ltv status`" in entry


def test_the_alert_of_the_dead_letter_limit_names_the_setting_and_fires_below_its_default() -> None:
    rule = NAMED["LtvDeadLettersNearLimit"]
    assert "--max-dead-letter-ratio" in rule["annotations"]["summary"]
    assert not re.search(r"\d", rule["annotations"]["summary"])
    threshold = float(rule["expr"].split(">")[1])
    assert 0 < threshold < Settings(Cluster()).max_dead_letter_ratio


def test_the_runbook_has_no_entry_for_an_alert_that_does_not_exist() -> None:
    headings = re.findall(r"^## (Ltv\w+)$", (OPS / "RUNBOOK.md").read_text(), re.MULTILINE)
    assert headings == list(NAMED)


@pytest.mark.parametrize("rule", [*RECORDED, *ALERTS], ids=lambda rule: rule.get("record") or rule["alert"])
def test_a_rule_keeps_clusters_and_groups_apart(rule: dict[str, Any]) -> None:
    expression = rule["expr"]
    aggregations = re.findall(r"\b(?:sum|max|min)\b", re.sub(r"group:\w+:\w+", "", expression))
    assert len(aggregations) == expression.count("by (cluster, group)")
    assert aggregations or "group:" in expression


def test_each_alert_fires_in_a_test() -> None:
    tests = yaml.safe_load((RULES / "alerts.test.yml").read_text())["tests"]
    fires = {
        check["alertname"] for test in tests for check in test["alert_rule_test"] if check.get("exp_alerts")
    }
    assert fires == set(NAMED)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_files_and_its_tests_pass() -> None:
    for words in ("check config scrape.yml", "check config compose.yml", "test rules alerts.test.yml"):
        command = ["promtool", *words.split()]
        ended = subprocess.run(command, cwd=RULES, capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_refusal_in_the_runbook_is_one_that_the_consumer_can_write() -> None:
    refusals = (OPS / "RUNBOOK.md").read_text().split("## Refusals")[1].split("\n## ")[0]
    lines = re.findall(r"^- (.*?): ", refusals, re.MULTILINE)
    quoted = [text for line in lines for text in re.findall(r"\*\*(.*?)\*\*", line)]
    assert len(quoted) >= 10
    sources = [
        path.read_text()
        for room in ("consumer", "cluster", "contract")
        for path in (ROOT / room).rglob("*.py")
    ]
    source = re.sub(r'"\s*f?"', "", "".join(sources))
    missing = [part for text in quoted for part in text.split("...") if part.strip(" ,") not in source]
    assert missing == []
