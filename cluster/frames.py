"""Receive a broker's answers: read the socket straight into the buffer of the frame whose length is known.

On the wire an answer is a frame: a length of four bytes, then as many bytes, of which the first four are the request's
correlation id. kafka-python reads the socket in pieces of 4,096 bytes, joins them, and copies them into the frame's
buffer. Here its parser still begins a frame (it refuses a length that is too large before it makes a buffer) and ends
it, by its last byte; what lies between goes from the socket into the buffer, without a copy.
"""

import ssl
import time
from collections.abc import Mapping
from typing import Any, Final

import kafka
from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport
from kafka.protocol.frame import KafkaBytes
from kafka.protocol.parser import KafkaProtocol

KNOWN_VERSION: Final = "3.0."
"""The beginning of the versions of kafka-python that this module knows."""
PIECE_BYTES: Final = 4096
"""At most so much is read by one call while no frame has begun; most answers are smaller."""

_WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Frame(KafkaBytes):  # type: ignore[misc]
    """A frame whose rest is read without a copy; kafka-python would make two. Its decoder copies each field."""

    def read(self, nbytes: int | None = None) -> bytes | memoryview:
        if nbytes is not None:
            return super().read(nbytes)  # type: ignore[no-any-return]
        rest = memoryview(self)[self.tell() :]
        self.seek(len(self))
        return rest


class _FrameTransport:
    """A transport of kafka-python that reads so; its metrics do not count what goes into a frame's buffer."""

    async def _read_from_sock(self: Any) -> None:
        while self._read and not self._closed:
            try:
                data = self._receive()
            except _WOULD_BLOCK:
                # Only now: TLS may hold decrypted bytes, of which the socket shows nothing.
                await self._net.wait_read(self._sock)
            except OSError as error:
                self.abort(error=kafka_errors.KafkaConnectionError(error))
            else:
                self.last_read = time.monotonic()
                self._hand_over(data)

    def _receive(self: Any) -> bytes | None:
        """Bytes for the parser, none at the connection's end; None if they went into the frame's buffer.

        Raises OSError; one of `_WOULD_BLOCK` if there is nothing to read yet.
        """
        frame = self._protocol.parser._rbuffer
        if frame is None or (filled := frame.tell()) >= len(frame) - 1:
            return self._sock.recv(PIECE_BYTES)  # type: ignore[no-any-return]
        frame.__class__ = _Frame
        received = self._sock.recv_into(memoryview(frame)[filled:-1])
        frame.seek(filled + received)
        return None if received else b""

    def _hand_over(self: Any, data: bytes | None) -> None:
        if data == b"":
            self.abort(error=kafka_errors.KafkaConnectionError("socket disconnected"))
        elif data:
            try:
                self._protocol.data_received(data)
            except kafka_errors.KafkaProtocolError as error:
                self.abort(error=error)


class _TCPFrames(_FrameTransport, KafkaTCPTransport):  # type: ignore[misc]
    pass


class _TLSFrames(_FrameTransport, KafkaSSLTransport):  # type: ignore[misc]
    pass


_READING_FRAMES: Final[Mapping[type[Any], type[Any]]] = {
    KafkaTCPTransport: _TCPFrames,
    KafkaSSLTransport: _TLSFrames,
}


class _Connections(KafkaConnectionManager):  # type: ignore[misc]
    async def _build_transport(self, *args: Any, **kwargs: Any) -> Any:
        transport = await super()._build_transport(*args, **kwargs)
        transport.__class__ = _READING_FRAMES[type(transport)]
        return transport


def frame_client(**configs: Any) -> Any:
    """The value for `kafka_client`, a setting of each kafka-python client: its connections read frames so.

    It is kafka-python's own client where `left_off` says why.
    """
    if left_off():
        return KafkaNetClient(**configs)
    net = NetworkSelector(**configs)
    return KafkaNetClient(net, _Connections(net, **configs))


def left_off() -> str:
    """Why clients read in small pieces as kafka-python does: it is not the version this module knows; "" if it is."""
    if not kafka.__version__.startswith(KNOWN_VERSION):
        return f"kafka-python {kafka.__version__} is not {KNOWN_VERSION}x"
    if missing := _missing_members():
        return f"kafka-python {kafka.__version__} has no {', '.join(missing)}"
    return ""


def _missing_members() -> list[str]:
    transport = ("_read_from_sock", "_read", "_closed", "_net", "_sock", "_protocol", "last_read", "abort")
    used = (
        (KafkaTCPTransport(None, None), transport),
        (KafkaProtocol(), ("_rbuffer",)),
        (KafkaBytes(0), ("tell", "seek", "read")),
        (KafkaConnectionManager, ("_build_transport",)),
    )
    return [name for owner, names in used for name in names if not hasattr(owner, name)]
