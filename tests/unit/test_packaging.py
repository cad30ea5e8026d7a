"""Every package is in the wheel and in the image, with its types."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = {folder.parent.name for folder in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}


def test_every_package_is_in_the_wheel() -> None:
    assert set(PYPROJECT["tool"]["hatch"]["build"]["only-include"]) >= PACKAGES


def test_every_package_is_in_the_image() -> None:
    let_in = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    assert let_in >= PACKAGES


def test_every_package_has_a_py_typed_file() -> None:
    assert [name for name in sorted(PACKAGES) if not (ROOT / name / "py.typed").exists()] == []
