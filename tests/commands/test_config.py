"""`ltv config` shows every setting with its origin, and no secret."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.settings import Cluster
from ltv.commands.consume import consume
from ltv.commands.dashboard import dashboard
from tests.unit.test_docs import options_of

SECRET = "planted-secret"
SECRETS = ("KAFKA_SASL_PASSWORD", "KAFKA_SSL_PASSWORD", "LTV_ACCESS_TOKEN")


def run_config(*arguments: str, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LTV_", "KAFKA_"))}
    ended = subprocess.run(
        [sys.executable, "-m", "ltv", "config", *arguments],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    return ended.stdout


def settings(*arguments: str, **environment: str) -> dict[str, Any]:
    found = json.loads(run_config("--json", *arguments, **environment))["settings"]
    return {each["variable"]: each for each in found}


@pytest.mark.parametrize(("name", "command"), [("consume", consume), ("dashboard", dashboard)])
def test_every_setting_of_a_command_is_shown_once(name: str, command: Any) -> None:
    expected = {variable for _, variable in options_of(command) if variable}
    expected |= {f"KAFKA_{field.upper()}" for field in Cluster.model_fields} | {"LTV_ACCESS_TOKEN"}
    expected |= {f"{secret}_FILE" for secret in SECRETS}
    assert set(settings(name)) == expected


def test_a_value_comes_from_the_environment_or_is_the_default() -> None:
    found = settings("consume", LTV_TOP="25", KAFKA_SSL_CAFILE="")
    assert (found["LTV_TOP"]["value"], found["LTV_TOP"]["from"]) == ("25", "environment")
    assert (found["LTV_BASIS"]["value"], found["LTV_BASIS"]["from"]) == ("active", "default")
    assert (found["LTV_GROUP"]["value"], found["LTV_GROUP"]["flag"]) == ("the prefix", "--group")
    assert (found["KAFKA_SSL_CAFILE"]["value"], found["KAFKA_SSL_CAFILE"]["from"]) == ("not set", "default")


def test_no_secret_is_shown() -> None:
    planted = {
        "KAFKA_SASL_PASSWORD": SECRET,
        "KAFKA_SSL_PASSWORD": SECRET,
        "LTV_ACCESS_TOKEN": SECRET,
        "LTV_ADVERTISED_URL": f"http://user:{SECRET}@10.0.0.7:9400",
    }
    found = settings("consume", **planted)
    assert found["KAFKA_SASL_PASSWORD"]["value"] == "********"
    assert found["KAFKA_SASL_PASSWORD"]["from"] == "environment"
    assert found["LTV_ADVERTISED_URL"]["value"] == "http://********@10.0.0.7:9400"
    run_config("consume", **planted)


def test_a_secret_that_comes_from_a_file_is_masked_and_the_file_is_named(tmp_path: Path) -> None:
    """No file is read: what can't be read would say nothing of the other settings."""
    (tmp_path / "secret").write_text(SECRET)
    found = settings("consume", **{f"{name}_FILE": str(tmp_path / "secret") for name in SECRETS})
    for name in SECRETS:
        assert (found[name]["value"], found[name]["from"]) == ("********", "file")
        assert found[f"{name}_FILE"]["value"] == str(tmp_path / "secret")


@pytest.mark.parametrize("columns", [60, 80])
def test_the_table_shows_every_variable_whole_on_a_narrow_terminal(columns: int) -> None:
    shown = run_config("dashboard", COLUMNS=str(columns), FORCE_COLOR="1", LTV_PREFIX="p" * 100)
    assert "LTV_DASHBOARD_FRAME_ANCESTORS" in shown
    assert "environment" in shown
