"""Every package is in the wheel and in the image, with its types; what is installed has checksums."""

import re
import subprocess
import sys
import tomllib
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = {folder.parent.name for folder in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}


def test_every_package_is_in_the_wheel() -> None:
    assert set(PYPROJECT["tool"]["hatch"]["build"]["only-include"]) >= PACKAGES


PAGE = ROOT / "dashboard" / "page"


def test_the_wheel_has_every_file_of_the_page(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    files = {str(each.relative_to(ROOT)) for each in PAGE.rglob("*") if each.is_file()}
    assert files - set(ZipFile(wheel).namelist()) == set()


UPLOT = {
    "LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""Version 1.6.32."""


@pytest.mark.parametrize(("name", "checksum"), UPLOT.items())
def test_the_vendored_chart_library_is_the_unchanged_release(name: str, checksum: str) -> None:
    assert sha256((PAGE / "vendor" / "uplot" / name).read_bytes()).hexdigest() == checksum


def test_every_module_of_the_page_is_loaded_with_it() -> None:
    index = (PAGE / "index.html").read_text()
    modules = {str(each.relative_to(PAGE)) for each in PAGE.rglob("*.js") if "vendor" not in each.parts}
    assert {name for name in modules if f'{{{{static}}}}/{name}"' not in index} == set()


def test_every_package_is_in_the_image() -> None:
    let_in = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    assert let_in >= PACKAGES


def test_every_package_has_a_py_typed_file() -> None:
    assert [name for name in sorted(PACKAGES) if not (ROOT / name / "py.typed").exists()] == []


LOCKS = sorted([*ROOT.glob("requirements/*.txt"), *ROOT.glob("benchmarks/peers/*/requirements.txt")])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_that_is_installed_is_pinned_with_checksums(lock: Path) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^ *#.*\n", "", lock.read_text()).strip())
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("file", ["Makefile", "Dockerfile", "benchmarks/peer_builds.py"])
def test_every_installation_checks_checksums_or_installs_only_what_was_built_here(file: str) -> None:
    text = (ROOT / file).read_text().replace('", "', " ")
    installations = re.findall(r"pip install .*", text)
    assert installations
    assert [line for line in installations if not re.search("--require-hashes|--no-deps", line)] == []


COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_image_runs_as_a_user_and_has_its_own_install_without_pip() -> None:
    image = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "pip" not in image
    assert re.search(r"(?m)^USER [1-9]\d*$", image)
    assert "venv --without-pip /opt/ltv" in DOCKERFILE


@pytest.mark.parametrize("wheels", [[], ["ltv_native-0.1.0-cp311-abi3-linux_x86_64.whl"]])
def test_the_image_is_built_with_the_native_core_or_without_one(wheels: list[str], tmp_path: Path) -> None:
    [find] = re.findall(r"(?m)^ +(find .*?) && \\$", DOCKERFILE)
    target = tmp_path / "wheels"
    target.mkdir()
    source = tmp_path / "source"
    source.mkdir()
    for name in wheels:
        (source / "dist").mkdir()
        (source / "dist" / name).touch()
    subprocess.run(["sh", "-c", find.replace("/wheels/", f"{target}/")], cwd=source, check=True)
    assert [each.name for each in target.iterdir()] == wheels


def test_the_image_asks_the_command_whether_it_is_alive_by_a_module_that_exists() -> None:
    [module] = re.findall(r'(?m)^HEALTHCHECK .*"-m", "([\w.]+)"\]$', DOCKERFILE)
    assert (ROOT / f"{module.replace('.', '/')}.py").exists()


def test_the_brokers_data_survives_the_composition() -> None:
    assert 'volumes: ["kafka-data:/var/lib/kafka/data"]' in COMPOSE
    assert COMPOSE.endswith("\nvolumes:\n  kafka-data:\n")


SERVICES = re.findall(r"(?m)^  (\w+):\n((?:    .*\n|\n)+)", COMPOSE.partition("\nservices:\n")[2])


def test_every_service_of_the_composition_is_restricted_and_has_a_memory_limit() -> None:
    restricted, ltv = re.findall(r"(?m)^x-\w+: &\w+\n((?:  .*\n)+)", COMPOSE)
    assert {line.strip() for line in restricted.splitlines()} == {
        "read_only: true",
        "cap_drop: [ALL]",
        'security_opt: ["no-new-privileges:true"]',
    }
    assert "<<: *restricted\n" in ltv
    assert "mem_limit: " in ltv
    assert {name for name, _ in SERVICES} == {
        *("kafka", "topics", "producer", "consumer", "dashboard"),
        *("prometheus", "grafana"),
    }
    for name, service in SERVICES:
        assert "<<: *ltv\n" in service or ("<<: *restricted\n" in service and "mem_limit: " in service), name
        assert not re.search(r"read_only: false|privileged|network_mode", service), name


def test_the_composition_publishes_ports_on_this_machine_only() -> None:
    published = re.findall(r'(?m)^      - "(.*:\d+)"', COMPOSE)
    assert published == [
        *("127.0.0.1:29092:29092", "127.0.0.1::9400", "127.0.0.1:8080:8080"),
        *("127.0.0.1:9090:9090", "127.0.0.1:3000:3000"),
    ]
