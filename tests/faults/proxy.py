"""A TCP proxy before a broker: it can delay bytes, hold back one or both directions, and reset connections."""

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Literal, Self

HOST: Final = "127.0.0.1"
CHUNK_BYTES: Final = 64 * 1024
RESET: Final = struct.pack("ii", 1, 0)
"""The value of SO_LINGER that makes a close reset the connection."""

Way = Literal["up", "down"]
"""Up: from the client to the broker. Down: its answers."""


class Proxy:
    """Listens on `port` during its block; `forward_to` sets the broker's port."""

    def __init__(self) -> None:
        self.delay_s = 0.0
        """The delay of each chunk, in both directions."""
        self.cut: set[Way] = set()
        """The directions whose bytes are held back, as by a firewall that drops packets."""
        self._reset_after: int | None = None
        self._target = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._run(asyncio.start_server(self._serve, HOST, 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def forward_to(self, port: int) -> None:
        self._target = port

    def reset_after(self, answer_bytes: int) -> None:
        """Reset, in mid-chunk, the next connection on which more than `answer_bytes` of answers have come."""
        self._reset_after = answer_bytes

    @property
    def reset_done(self) -> bool:
        return self._reset_after is None

    def reset_all(self) -> None:
        """Reset every open connection."""
        for writer in list(self._writers):
            self._loop.call_soon_threadsafe(_reset, writer)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _close(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            _reset(writer)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            broker, to_broker = await asyncio.open_connection(HOST, self._target)
        except OSError:
            _reset(to_client)
            return
        both = {to_client, to_broker}
        self._writers |= both
        try:
            pipes = [
                asyncio.create_task(self._pipe(client, to_broker, "up")),
                asyncio.create_task(self._pipe(broker, to_client, "down")),
            ]
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
            for pipe in pipes:
                pipe.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)
        finally:
            self._writers -= both
            for writer in both:
                writer.close()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
        passed = 0
        with suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                while way in self.cut:
                    await asyncio.sleep(0.01)
                passed += len(chunk)
                if way == "down" and self._reset_after is not None and passed > self._reset_after:
                    self._reset_after = None
                    writer.write(chunk[: len(chunk) // 2])
                    await writer.drain()
                    _reset(writer)
                    return
                writer.write(chunk)
                await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
