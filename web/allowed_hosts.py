"""Which Host headers an HTTP port accepts.

A page whose name an attacker points at this machine (DNS rebinding) sends that name as Host, a name with a dot that
is none of ours.
"""

import re
import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

_HOST_HEADER: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:]+)(?::[0-9]*)?")
_SHORT_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


class AllowedHosts:
    """IP addresses, names without a dot, this machine's name, and the names given here.

    Names without a dot are those of localhost, of a Compose service, and of a Kubernetes service in its namespace.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {name.lower() for name in [socket.gethostname(), *names]}

    def allow(self, header: str) -> bool:
        """Whether requests with this Host header (a name or an address, perhaps with a port) are answered."""
        match = _HOST_HEADER.fullmatch(header)
        if match is None:
            return False
        host = match[1].strip("[]")
        return bool(_SHORT_NAME.fullmatch(host)) or host.lower() in self._names or _is_address(host)


class HostCheck:
    """Answers a request whose Host is not allowed with `refusal`, and hands every other one on.

    Only HTTP/1.0, which no browser speaks, may leave the Host out.
    """

    def __init__(self, app: ASGIApp, hosts: AllowedHosts, refusal: ASGIApp) -> None:
        self._app, self._hosts, self._refusal = app, hosts, refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        host = Headers(scope=scope).get("host") if scope["type"] == "http" else None
        allowed = host is None or self._hosts.allow(host)
        await (self._app if allowed else self._refusal)(scope, receive, send)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
