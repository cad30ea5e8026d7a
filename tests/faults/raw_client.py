"""Kafka's protocol over a plain socket: produces hand-made batches, in transactions that may never end."""

import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, TypeVar

from tests.faults.record_batches import Producing
from tests.waiting import DEADLINE_S, wait_until

PRODUCE, FIND_COORDINATOR, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TRANSACTION = 0, 10, 22, 24, 26
"""The numbers of the requests."""
REQUEST_MS: Final = 30_000
ALL_REPLICAS: Final = -1
OF_TRANSACTIONS: Final = 1
"""The kind of a coordinator."""
PASSING: Final = {3, 5, 6, 14, 15, 16, 51}
"""Errors of a topic that is new, and of a coordinator that still loads or still ends the last transaction."""


class Answer(NamedTuple):
    """A broker's answer to a batch: its error (0: none) with a text, and the offset of the first record."""

    error: int
    text: str
    base_offset: int


class Response:
    """Reads a response's fields in order."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        """The next numbers, by a layout of `struct` without its byte order."""
        found = struct.unpack_from(f">{layout}", self._body, self._at)
        self._at += struct.calcsize(f">{layout}")
        return found

    def text(self) -> str:
        """The next string; "" for null."""
        (size,) = self.take("h")
        (found,) = self.take(f"{max(0, size)}s")
        return str(found.decode())


def _text(text: str | None) -> bytes:
    if text is None:
        return struct.pack(">h", -1)
    return struct.pack(">h", len(text.encode())) + text.encode()


def _error(response: Response) -> int:
    response.take("i")
    return int(response.take("h")[0])


def _error_of_partition(response: Response) -> int:
    response.take("ii")
    response.text()
    _partitions, _partition, error = response.take("iih")
    return int(error)


class Done(NamedTuple):
    """The answer to another request: its error, and the response after it."""

    error: int
    response: Response


Read = TypeVar("Read", Answer, Done)


def _answer(response: Response) -> Answer:
    response.take("i")
    response.text()
    _partitions, _partition, error, base_offset, _time, _start, causes = response.take("iihqqqi")
    texts = []
    for _ in range(causes):
        response.take("i")
        texts.append(response.text())
    texts.append(response.text())
    return Answer(error, " ".join(filter(None, texts)), base_offset)


class RawClient:
    """One connection to the only broker of a cluster; requests are answered one by one."""

    def __init__(self, servers: str) -> None:
        host, _, port = servers.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=DEADLINE_S)
        self._stream = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stream.close()
        self._socket.close()

    def produce(
        self, topic: str, partition: int, batch: bytes, transactional_id: str | None = None
    ) -> Answer:
        """Send one batch, and wait until all replicas have it."""
        body = _text(transactional_id) + struct.pack(">hii", ALL_REPLICAS, REQUEST_MS, 1) + _text(topic)
        body += struct.pack(">iii", 1, partition, len(batch)) + batch
        return self._repeated(PRODUCE, 8, body, _answer)

    def begin(self, transactional_id: str, topic: str, partition: int, timeout_ms: int) -> Producing:
        """Begin a transaction on one partition; its coordinator aborts it after `timeout_ms`."""
        name = _text(transactional_id)
        self._done(FIND_COORDINATOR, name + bytes([OF_TRANSACTIONS]))
        response = self._done(INIT_PRODUCER_ID, name + struct.pack(">i", timeout_ms))
        producer_id, epoch = response.take("qh")
        added = name + struct.pack(">qhi", producer_id, epoch, 1) + _text(topic)
        self._done(ADD_PARTITIONS, added + struct.pack(">ii", 1, partition), _error_of_partition)
        return Producing(producer_id, epoch, 0, is_transactional=True)

    def end(self, transactional_id: str, producing: Producing, *, commit: bool) -> None:
        """Commit or abort a transaction."""
        body = struct.pack(">qh?", producing.producer_id, producing.epoch, commit)
        self._done(END_TRANSACTION, _text(transactional_id) + body)

    def _done(self, api: int, body: bytes, error_of: Callable[[Response], int] = _error) -> Response:
        """The response to a request that must succeed, after its error."""
        answer = self._repeated(api, 1, body, lambda response: Done(error_of(response), response))
        assert answer.error == 0, f"request {api} was answered with error {answer.error}"
        return answer.response

    def _repeated(self, api: int, version: int, body: bytes, read: Callable[[Response], Read]) -> Read:
        """The answer to a request, which is repeated while its error is one that passes."""
        answers: list[Read] = []

        def is_final() -> bool:
            answers[:] = [read(self._ask(api, version, body))]
            return answers[0].error not in PASSING

        wait_until(is_final, f"an answer to request {api}", state=lambda: f"Error {answers[0].error}.")
        return answers[0]

    def _ask(self, api: int, version: int, body: bytes) -> Response:
        request = struct.pack(">hhi", api, version, 0) + _text("hostile") + body
        self._socket.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", self._read(4))
        response = Response(self._read(size))
        response.take("i")
        return response

    def _read(self, size: int) -> bytes:
        found = self._stream.read(size)
        assert len(found) == size, "the broker closed the connection"
        return found
