"""The address at which subscribers reach a worker's HTTP port; the partials carry it."""

import socket
from typing import Final
from urllib.parse import urlsplit

from contract.errors import Fatal

ANY_ADDRESS: Final = {"", "0.0.0.0", "::"}


def advertised_url(given: str | None, host: str, port: int | None, ports_after: int) -> str | None:
    """A worker's address, without a slash at its end; None if the worker serves no HTTP.

    Args:
        given: the setting; None: made from host and port.
        host: on which the worker listens.
        port: the setting: on which a single worker listens, or the parent of several.
        ports_after: how many ports after it, here and in `given`, the worker listens.

    Raises:
        Fatal: `given` is no address, or can't have one more port, or nothing listens.
    """
    if port is None:
        if given is not None:
            raise Fatal("--advertised-url without --metrics-port: nothing would answer there; give both")
        return None
    if given is None:
        reached = socket.gethostname() if host in ANY_ADDRESS else host
        return f"http://{_bracketed(reached)}:{port + ports_after}"
    return _ports_after(given, ports_after)


def _ports_after(given: str, ports_after: int) -> str:
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
    if not ports_after:
        return given.rstrip("/")
    if port is None:
        raise Fatal("--advertised-url: with several workers it needs a port; the workers have those after it")
    return f"{parts.scheme}://{_bracketed(host)}:{port + ports_after}{parts.path}".rstrip("/")


def host_of(url: str) -> str:
    """The host in an advertised address."""
    return urlsplit(url).hostname or ""


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
