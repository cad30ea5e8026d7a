"""What the parent's HTTP port knows of each worker, and how it asks a worker over the worker's own port."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Final, NamedTuple

ANSWER_WITHIN_S: Final = 2.0
STARTING_S: Final = 60.0
"""For so long after its start a worker may have no port yet."""
ON_THIS_HOST: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


class WorkerAnswer(NamedTuple):
    """An answer of a worker's port."""

    status: int
    body: bytes
    media_type: str


@dataclass
class WorkerView:
    """One worker. The parent's loop writes it, the port's threads read it."""

    number: int
    """From 0."""
    host: str
    """The address on which it listens."""
    port: int
    started_at: float = -STARTING_S
    """By the parent's monotonic clock, in seconds."""
    is_running: bool = False
    done: bool = False
    """It has ended by itself with --until-end."""

    def may_be_silent(self, clock: Callable[[], float] = time.monotonic) -> bool:
        """Whether it need not answer: it is starting, or the parent is about to start it."""
        return not self.is_running or clock() - self.started_at < STARTING_S

    def ask(self, target: str, headers: Mapping[str, str]) -> WorkerAnswer | None:
        """The worker's answer; None if there is none in time."""
        host = ON_THIS_HOST.get(self.host, self.host)
        try:
            with closing(HTTPConnection(host, self.port, timeout=ANSWER_WITHIN_S)) as connection:
                connection.request("GET", target, headers=dict(headers))
                answer = connection.getresponse()
                return WorkerAnswer(answer.status, answer.read(), answer.headers.get_content_type())
        except (OSError, HTTPException, ValueError):
            return None


def ask_each(
    views: Sequence[WorkerView], target: str, headers: Mapping[str, str] | None = None
) -> list[tuple[WorkerView, WorkerAnswer | None]]:
    """Ask all workers at once; each with its answer."""
    with ThreadPoolExecutor(max_workers=len(views) or 1) as pool:
        answers = pool.map(lambda view: view.ask(target, headers or {}), views)
        return list(zip(views, answers, strict=True))
