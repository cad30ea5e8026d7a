"""The address at which subscribers reach a worker's HTTP port; the partials carry it."""

import socket
from typing import Final
from urllib.parse import urlsplit

from contract.errors import Fatal

ANY_ADDRESS: Final = {"", "0.0.0.0", "::"}


def advertised_url(given: str | None, host: str, port: int | None, worker: int) -> str | None:
    """A worker's address, without a slash at its end; None if the worker serves no HTTP.

    Args:
        given: the setting; None: made from host and port.
        host: on which the worker listens.
        port: on which the first worker listens; each further worker has the next one, here and in `given`.
        worker: the worker's number, from 0.

    Raises:
        Fatal: `given` is no address, or can't have one more port, or nothing listens.
    """
    if port is None:
        if given is not None:
            raise Fatal("--advertised-url without --metrics-port: nothing would answer there; give both")
        return None
    if given is None:
        reached = socket.gethostname() if host in ANY_ADDRESS else host
        return f"http://{_bracketed(reached)}:{port + worker}"
    return _of_worker(given, worker)


def _of_worker(given: str, worker: int) -> str:
    try:
        parts = urlsplit(given)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    odd = parts.query or parts.fragment or "@" in parts.netloc if host else True
    if not host or odd or parts.scheme not in {"http", "https"} or not given.isprintable():
        raise Fatal(
            "--advertised-url: give an address such as http://host:9400, without user, query or fragment"
        )
    if not worker:
        return given.rstrip("/")
    if port is None:
        raise Fatal(
            "--advertised-url: with several workers it needs a port; each further worker has the next one"
        )
    return f"{parts.scheme}://{_bracketed(host)}:{port + worker}{parts.path}".rstrip("/")


def host_of(url: str) -> str:
    """The host in an advertised address."""
    return urlsplit(url).hostname or ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
