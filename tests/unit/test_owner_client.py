"""A reader believes an owner only if the answer is one, and is for the customer that it asked for."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import msgspec
import pytest

from contract.access_token import AccessToken
from contract.customers import LOST_IN_PATHS, CustomerDetail, StateUnavailable
from contract.partition_owners import PartitionOwner
from subscriber.owner_client import NotHere, ask_owner
from tests.unit.test_customer_page import ODD_IDS, detail

Asked = list[tuple[str, str | None]]
"""The target and the header Authorization of each request."""


@contextmanager
def answering(status: int, body: bytes, asked: Asked | None = None) -> Iterator[PartitionOwner]:
    """A server that gives each request this answer."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asked is not None:
                asked.append((self.path, self.headers["Authorization"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield PartitionOwner(
                next_offset=0, owner=f"http://127.0.0.1:{server.server_port}/at", worker_id="w 1"
            )
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("customer_id", ODD_IDS)
def test_any_id_is_asked_for_in_one_piece_of_the_path(customer_id: str) -> None:
    asked: Asked = []
    with answering(200, msgspec.json.encode(detail(customer_id)), asked) as owner:
        assert ask_owner(owner, customer_id, None) == detail(customer_id)
    [(target, token)] = asked
    assert target.count("/") == (2 if customer_id in LOST_IN_PATHS else 3)
    assert target.startswith("/at/customers")
    assert target.endswith("worker=w%201")
    assert token is None


def test_the_token_is_in_a_header_only() -> None:
    asked: Asked = []
    with answering(200, msgspec.json.encode(detail("c")), asked) as owner:
        assert isinstance(ask_owner(owner, "c", AccessToken("abc")), CustomerDetail)
    [(target, token)] = asked
    assert (token, "abc" in target) == ("Bearer abc", False)


def test_an_unknown_customer_comes_with_the_offsets_that_were_looked_at() -> None:
    with answering(404, b'{"title":"Not Found","looked_at":{"3":17}}') as owner:
        assert ask_owner(owner, "c", None) == NotHere({3: 17})


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"hello"),
        (200, b""),
        (200, msgspec.json.encode(detail("another"))),
        (200, json.dumps({"customer_id": "c"}).encode()),
        (404, b"not found; try /metrics\n"),
        (404, b"{}"),
        (421, b'{"detail":"another worker"}'),
        (503, b"\xff"),
        (500, b""),
        (302, b"{}"),
    ],
)
def test_any_other_answer_is_none(status: int, body: bytes) -> None:
    with answering(status, body) as owner, pytest.raises(StateUnavailable, match=str(status)):
        ask_owner(owner, "c", None)


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        owner = PartitionOwner(next_offset=0, owner=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(StateUnavailable):
            ask_owner(owner, "c", None, within_s=0.2)


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "http://", "http://[::1", "nonsense", "http://a b"]
)
def test_an_address_that_nobody_answers_is_no_error_of_the_reader(address: str) -> None:
    with pytest.raises(StateUnavailable):
        ask_owner(PartitionOwner(next_offset=0, owner=address), "c", None)
