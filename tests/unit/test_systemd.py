"""The systemd unit is one that systemd accepts, is hardened, and names what `ltv` knows."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ltv.catalogue import COMMANDS
from tests.unit.test_kubernetes import KNOWN

SYSTEMD = Path(__file__).parents[2] / "ops" / "systemd"
UNIT = SYSTEMD / "ltv-consume@.service"
EXPOSURE = 20
"""The most that `systemd-analyze security` may find, in tenths; a service without any restriction has 96."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that this machine has."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/ltv/bin/ltv", sys.executable))
    return copy


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("needs systemd-analyze")
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)


def test_systemd_accepts_the_unit(unit: Path) -> None:
    verified = analyze("verify", unit)
    assert (verified.returncode, verified.stderr) == (0, "")


def test_the_unit_is_hardened(unit: Path) -> None:
    looked = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", unit)
    assert looked.returncode == 0, looked.stdout[-500:]


def test_the_unit_runs_a_command_that_exists() -> None:
    [command] = re.findall(r"(?m)^ExecStart=/opt/ltv/bin/ltv (\w+)$", UNIT.read_text())
    assert command in COMMANDS


@pytest.mark.parametrize("file", [UNIT.name, "consumer.env", "login.conf"])
def test_a_file_sets_only_variables_that_exist(file: str) -> None:
    names = set(re.findall(r"(?m)^(?:Environment=)?((?:LTV|KAFKA)_\w+)=", (SYSTEMD / file).read_text()))
    assert names
    assert names <= KNOWN
