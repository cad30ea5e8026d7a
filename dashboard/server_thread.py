"""The thread of the HTTP server, with the heartbeats of its streams."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from threading import Thread
from typing import Final, Self

from uvicorn import Server

from dashboard.broadcast import Broadcast, FeedState
from dashboard.dashboard_metrics import DashboardMetrics
from dashboard.frames import Frame

HEARTBEAT_S: Final = 15.0


class ServerThread:
    """Serves within a block, and passes what the feed reads on to the server's event loop."""

    def __init__(
        self, server: Server, listener: socket.socket, broadcast: Broadcast, metrics: DashboardMetrics
    ) -> None:
        self._server, self._listener = server, listener
        self._broadcast, self._metrics = broadcast, metrics
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._ended: Future[None] = Future()
        self._thread = Thread(target=self._run, name="dashboard server")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the streams, then the server.

        Raises:
            Exception: the server ended with it.
        """
        self._post(self._broadcast.close)
        self._server.should_exit = True
        self._thread.join()
        self._ended.result()

    @property
    def has_ended(self) -> bool:
        """Whether the server has ended by itself, which is a bug."""
        return self._ended.done()

    def publish(self, frames: Sequence[Frame]) -> None:
        """Give newer snapshots to the streams."""
        self._post(lambda: self._broadcast.publish(frames))

    def set_state(self, state: FeedState) -> None:
        """Give the state of the feed to the streams."""
        self._metrics.live.set(state is FeedState.LIVE)
        self._post(lambda: self._broadcast.set_state(state))

    def _post(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # The loop is closed: the server has ended.
            self._loop.result().call_soon_threadsafe(call)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    async def _serve(self) -> None:
        self._loop.set_result(asyncio.get_running_loop())
        heartbeats = asyncio.create_task(self._beat())
        await self._server.serve([self._listener])
        heartbeats.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._broadcast.beat()
