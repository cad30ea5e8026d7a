"""The socket of an HTTP port."""

import socket
from typing import Final

from contract.errors import Fatal
from web.connections import ACCEPTED_AT_ONCE

LAST_PORT: Final = 65_535


def listen(host: str, port: int, *, serving: str, option: str) -> socket.socket:
    """A socket that listens on this host and port.

    Args:
        host: a name or an address; IPv4 where the name has both.
        port: the port.
        serving: what is served there, for the error.
        option: the option that sets the port, for the error.

    Raises:
        Fatal: nobody can listen there, or another process does.
    """
    if port > LAST_PORT:
        raise Fatal(
            f"can't serve {serving} on port {port}: ports end at {LAST_PORT}; choose a smaller {option}"
        )
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family = min(each[0] for each in found)
        return socket.create_server((host, port), family=family, backlog=ACCEPTED_AT_ONCE)
    except OSError as error:
        raise Fatal(
            f"can't serve {serving} on {host}:{port}: {error.strerror}; choose another {option}"
        ) from None
