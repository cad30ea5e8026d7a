"""The route of /metrics."""

from prometheus_client import CollectorRegistry, make_asgi_app
from starlette.types import Receive, Scope, Send


class Exposition:
    """The registry in Prometheus' format. A class, for Starlette takes a function for one that returns an answer.

    It does not compress: an application with a GZipMiddleware would compress a second time.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._app = make_asgi_app(registry, disable_compression=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await self._app(scope, receive, send)
