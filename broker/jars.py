"""Downloads Kafka's jars, exactly those of jars.lock, and verifies each SHA-256 before use.

The jars are kept in ~/.cache/ltv/jars. An incomplete or altered jar is downloaded again.
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
        """Whether the file has this jar's SHA-256."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """Every jar of the lock file, in its order."""
    lines = (line for line in lock.read_text().splitlines() if line and not line.startswith("#"))
    return [Jar(*line.split()) for line in lines]


Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""(title, total) -> a context manager that shows a progress bar; it yields a function to call after each step."""


def no_progress(_title: str, _total: int) -> AbstractContextManager[Callable[[], None]]:
    """Show nothing."""
    return nullcontext(lambda: None)


def fetch(
    jars: Iterable[Jar] | None = None, cache: Path | None = None, progress: Progress = no_progress
) -> list[Path]:
    """The files of the jars (None: all of the lock), all verified; missing ones are downloaded first.

    Raises:
        Fatal: a jar can't be downloaded, or the downloaded file has another SHA-256.
    """
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
        hint = (
            "a certificate is not trusted: REQUESTS_CA_BUNDLE names a file with your network's own authority"
            if "CERTIFICATE_VERIFY_FAILED" in str(error)
            else "is there a network?"
        )
        raise Fatal(f"the jar {jar.coordinate} can't be downloaded; {hint} ({error})") from error
    if not jar.matches(path):
        path.unlink()
        raise Fatal(
            f"the downloaded jar {jar.coordinate} does not have the SHA-256 of {LOCK.name}, {jar.sha256}, and was "
            "removed. Try again; if the error stays, the Maven repository or a proxy serves another file"
        )


@contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    """Hold the cache's lock; other processes that fetch into the same cache wait for it."""
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
