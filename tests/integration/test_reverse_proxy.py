"""The dashboard behind nginx: the documented settings work, and no event is held back."""

import http.client
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.dashboard_stage import HOST, Stage, row, snapshot, stage
from tests.nginx import nginx

NAME = "top.example.com"
DOCUMENT = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text()
[DOCUMENTED] = re.findall(r"(?m)^    (location / \{\n(?: {4,}.*\n)+?    \})$", DOCUMENT)
MINIMAL = "location / { proxy_pass http://127.0.0.1:8080; }"


@pytest.fixture
def served() -> Iterator[Stage]:
    with stage(allowed_hosts=(NAME,)) as served:
        served.publish(snapshot(1, row(1, "a")))
        yield served


@pytest.fixture(params=[DOCUMENTED, MINIMAL], ids=["documented", "minimal"])
def proxy(request: pytest.FixtureRequest, served: Stage, tmp_path: Path) -> Iterator[int]:
    """The port of nginx before the dashboard."""
    with nginx(tmp_path, request.param.replace(":8080", f":{served.port}")) as port:
        yield port


def connect(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(HOST, port, timeout=60)


def test_a_proxy_passes_on_the_page_and_the_api(proxy: int) -> None:
    for path in ("/", "/api/snapshots/latest", "/api/health"):
        with closing(connect(proxy)) as connection:
            connection.request("GET", path, headers={"Host": NAME})
            answer = connection.getresponse()
            assert (answer.status, bool(answer.read())) == (200, True)


def test_an_event_comes_through_a_proxy_when_it_is_made(served: Stage, proxy: int) -> None:
    with closing(connect(proxy)) as connection:
        connection.request("GET", "/api/stream", headers={"Host": NAME})
        answer = connection.getresponse()
        sequences = (int(line[4:]) for line in answer if line.startswith(b"id: "))
        assert next(sequences) == 1
        for sequence in (2, 3):
            served.publish(snapshot(sequence, row(1, "a")))
            assert next(sequences) == sequence


def test_a_name_that_is_not_allowed_is_refused_through_a_proxy_that_passes_it_on(
    served: Stage, tmp_path: Path
) -> None:
    with (
        nginx(tmp_path, DOCUMENTED.replace(":8080", f":{served.port}")) as port,
        closing(connect(port)) as connection,
    ):
        connection.request("GET", "/", headers={"Host": "rebound.example"})
        assert connection.getresponse().status == 421
