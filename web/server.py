"""A uvicorn server as all our HTTP ports need it: every answer closes its connection, nothing is logged."""

from starlette.types import ASGIApp
from uvicorn import Config, Server

from web.connections import ACCEPTED_AT_ONCE, MAX_HEADER_BYTES, BriefConnection


def http_server(
    app: ASGIApp, connections: type[BriefConnection] = BriefConnection, *, shutdown_s: int | None = None
) -> Server:
    """A server of this application, which `run` starts on given sockets.

    Args:
        app: the application; it has no lifespan.
        connections: how long connections live.
        shutdown_s: how long the server's end waits for answers that are under way; None: without limit.
    """
    return Server(
        Config(
            app,
            loop="asyncio",
            http=connections,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            workers=1,
            proxy_headers=False,
            server_header=False,
            headers=[("Connection", "close")],
            backlog=ACCEPTED_AT_ONCE,
            timeout_graceful_shutdown=shutdown_s,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        )
    )
