"""The address that a worker advertises is one at which it can be reached."""

import socket

import pytest

from consumer.advertised_url import advertised_url, host_of
from contract.errors import Fatal


def test_without_a_port_nothing_is_advertised() -> None:
    assert advertised_url(None, "127.0.0.1", None, 0) is None
    with pytest.raises(Fatal, match="--metrics-port"):
        advertised_url("http://here:9400", "127.0.0.1", None, 0)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_a_worker_that_listens_everywhere_advertises_the_machines_name(host: str) -> None:
    assert advertised_url(None, host, 9400, 2) == f"http://{socket.gethostname()}:9402"


def test_each_worker_has_its_port() -> None:
    assert advertised_url(None, "127.0.0.1", 9400, 0) == "http://127.0.0.1:9400"
    assert advertised_url(None, "::1", 9400, 1) == "http://[::1]:9401"
    assert advertised_url("https://ltv.example:80/a/", "0.0.0.0", 9400, 0) == "https://ltv.example:80/a"
    assert advertised_url("https://ltv.example:80/a/", "0.0.0.0", 9400, 3) == "https://ltv.example:83/a"
    assert advertised_url("http://ltv.example/", "0.0.0.0", 9400, 0) == "http://ltv.example"
    with pytest.raises(Fatal, match="port"):
        advertised_url("http://ltv.example/", "0.0.0.0", 9400, 1)


@pytest.mark.parametrize(
    "given",
    [
        *("", "here:9400", "ftp://here", "http://", "http://u:p@here", "http://here?a", "http://here#a"),
        *("http://here:99999", "http://here:x", "http://he\nre", "http://[::1"),
    ],
)
def test_what_is_no_address_is_refused_in_one_line(given: str) -> None:
    with pytest.raises(Fatal, match="--advertised-url") as caught:
        advertised_url(given, "127.0.0.1", 9400, 0)
    assert "\n" not in str(caught.value)


def test_the_host_of_an_address_is_its_name() -> None:
    assert host_of("https://ltv.example:80/a") == "ltv.example"
    assert host_of("") == ""
