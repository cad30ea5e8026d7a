"""Kafka's jars: exactly those of jars.lock, and no jar runs whose SHA-256 is another.

They are kept in ~/.cache/ltv/jars. Whatever is there in part or altered is fetched anew.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jgo.maven import MavenContext

from contract.errors import Fatal

KAFKA_VERSION: Final = "4.3.1"
LOCK: Final = Path(__file__).with_name("jars.lock")
PARALLEL_DOWNLOADS: Final = 8
DOWNLOAD_STALL_S: Final = 60


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    sha256: str
    coordinate: str
    """group:artifact:version"""

    def matches(self, path: Path) -> bool:
        """Whether that file is this jar, to the bit."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """Every jar of the lock, in its order."""
    lines = (line for line in lock.read_text().splitlines() if line and not line.startswith("#"))
    return [Jar(*line.split()) for line in lines]


Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Shows a title and a total while its block runs; call what it gives for each one that is done."""


def no_progress(_title: str, _total: int) -> AbstractContextManager[Callable[[], None]]:
    """Show nothing."""
    return nullcontext(lambda: None)


def fetch(
    jars: Iterable[Jar] | None = None, cache: Path | None = None, progress: Progress = no_progress
) -> list[Path]:
    """The files of the jars, downloaded where they are missing, all of them verified."""
    cache = cache or _default_cache()
    cache.mkdir(parents=True, exist_ok=True)
    context = MavenContext(repo_cache=cache, timeout=DOWNLOAD_STALL_S)
    wanted = {jar: _cached_path(context, jar) for jar in (read_lock() if jars is None else jars)}
    with _one_at_a_time(cache):
        missing = {jar: path for jar, path in wanted.items() if not (path.exists() and jar.matches(path))}
        if missing:
            title = f"Fetching Apache Kafka {KAFKA_VERSION} into {cache}"
            with progress(title, len(missing)) as advance:
                _download(context, missing, advance)
    return list(wanted.values())


def _default_cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "ltv" / "jars"


def _cached_path(context: MavenContext, jar: Jar) -> Path:
    group, artifact, version = jar.coordinate.split(":")
    path = context.project(group, artifact).at_version(version).artifact().cached_path
    assert path is not None
    return path


def _download(context: MavenContext, missing: dict[Jar, Path], advance: Callable[[], None]) -> None:
    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        try:
            downloads = [pool.submit(_download_one, context, jar, path) for jar, path in missing.items()]
            for download in as_completed(downloads):
                download.result()
                advance()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _download_one(context: MavenContext, jar: Jar, path: Path) -> None:
    path.unlink(missing_ok=True)
    group, artifact, version = jar.coordinate.split(":")
    try:
        context.project(group, artifact).at_version(version).artifact().resolve()
    except (OSError, RuntimeError) as error:
        raise Fatal(f"the jar {jar.coordinate} can't be downloaded; is there a network? {error}") from error
    if not jar.matches(path):
        path.unlink()
        raise Fatal(
            f"the jar {jar.coordinate}, as downloaded, is not the one that {LOCK.name} names (SHA-256 "
            f"{jar.sha256}). It was removed. Try again; should it stay so, something between here and the "
            "Maven repository alters what is downloaded"
        )


@contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    """Processes that fetch into the same cache wait for each other."""
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
