"""The image's health check asks the port that the container's command serves."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from broker.readiness import free_port
from web.health_probe import probe

STATUSES = {"/live": 200, "/api/health": 503}


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(STATUSES[self.path])
        self.end_headers()
        self.wfile.write(b"the reason")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield str(server.server_port)
        server.shutdown()


def test_a_command_without_a_port_counts_as_healthy() -> None:
    assert probe({"LTV_METRICS_PORT": "", "LTV_METRICS_HOST": "0.0.0.0"}) == ""


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "127.0.0.1"])
def test_a_consumer_is_healthy_while_live_answers_200(port: str, host: str) -> None:
    assert probe({"LTV_METRICS_PORT": port, "LTV_METRICS_HOST": host}) == ""


def test_the_reason_of_another_status_is_told(port: str) -> None:
    assert probe({"LTV_DASHBOARD_PORT": port}) == "/api/health: 503 the reason"


@pytest.mark.parametrize("wrong", ["", "many"])
def test_a_port_that_does_not_answer_is_named(wrong: str) -> None:
    wrong = wrong or str(free_port())
    assert probe({"LTV_METRICS_PORT": wrong}).startswith(f"127.0.0.1:{wrong} does not answer: ")
