"""Finds out whether a broker is ready, and which ports are free.

A broker is ready when it answers a metadata request and lists itself, which it does once it accepts requests.
"""

import socket
import struct
from contextlib import ExitStack, suppress
from typing import Final

from broker.properties import HOST

REQUEST_S: Final = 5.0

_METADATA_V1: Final = struct.pack(">hhihi", 3, 1, 0, -1, 0)
"""API key, version, correlation id, no client id, no topics."""


def is_ready(port: int) -> bool:
    """Whether the broker on this port is ready."""
    with suppress(OSError, struct.error), socket.create_connection((HOST, port), REQUEST_S) as connection:
        connection.sendall(struct.pack(">i", len(_METADATA_V1)) + _METADATA_V1)
        with connection.makefile("rb") as answer:
            _size, _correlation_id, brokers = struct.unpack(">iii", answer.read(12))
            return bool(brokers > 0)
    return False


def free_port() -> int:
    """A port to listen on; see `free_ports`."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ports on which no program listens.

    For a minute the kernel gives such a port only to a listener that names it, not to another `free_ports` or a client.
    """
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            _reserve(probe)
        return [probe.getsockname()[1] for probe in probes]


def free_ports_in_a_row(count: int) -> int:
    """The first of `count` successive ports on which no program listens; see `free_ports`."""
    while True:
        first = free_port()
        with ExitStack() as held, suppress(OSError, OverflowError):
            for port in range(first + 1, first + count):
                _reserve(held.enter_context(socket.socket()), port)
            return first


def _reserve(probe: socket.socket, port: int = 0) -> None:
    """Bind the socket to a port on which a connection was closed from this side: the port is in TIME_WAIT."""
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind((HOST, port))
    probe.listen()
    with socket.create_connection(probe.getsockname()):
        accepted, _ = probe.accept()
        accepted.close()


def is_taken(port: int) -> bool:
    """Whether a program listens on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
        return False
