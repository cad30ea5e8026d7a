"""Asking a worker for a customer, over HTTP, within a short deadline."""

from collections.abc import Mapping
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from cluster.deadline import answer_within
from contract.access_token import AccessToken
from contract.customers import CustomerDetail, StateUnavailable, customer_address
from contract.errors import Retriable
from contract.partition_owners import PartitionOwner

ANSWER_WITHIN_S: Final = 2.0
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024


class NotHere(Struct, frozen=True):
    """The worker has no such customer."""

    looked_at: dict[int, int]
    """Partition -> the offset before which all its records were looked at."""


class _Problem(Struct, frozen=True):
    detail: str = ""


_decode_detail = msgspec.json.Decoder(CustomerDetail).decode
_decode_not_here = msgspec.json.Decoder(NotHere).decode
_decode_problem = msgspec.json.Decoder(_Problem).decode


def ask_owner(
    owner: PartitionOwner, customer_id: str, token: AccessToken | None, within_s: float = ANSWER_WITHIN_S
) -> CustomerDetail | NotHere:
    """The customer as the owner has it in memory, or that the owner has no such customer.

    Raises:
        StateUnavailable: the owner does not answer, or can't now; the text says why.
    """
    address = owner.owner or ""
    ask = partial(_get, address, owner.worker_id, customer_id, token, within_s)
    try:
        status, body = answer_within(within_s, ask, f"asking {address}")
    except Retriable:
        raise StateUnavailable(f"{address} gives no answer within {within_s:g} s") from None
    except (OSError, HTTPException, ValueError) as error:
        raise StateUnavailable(f"{address}: {error}") from None
    try:
        return _understood(status, body, customer_id)
    except (ValueError, StateUnavailable) as error:  # msgspec's errors are ValueErrors, too.
        raise StateUnavailable(f"{address} answers {status}: {error}") from None


def _understood(status: int, body: bytes, customer_id: str) -> CustomerDetail | NotHere:
    if status == 200:
        found = _decode_detail(body)
        if found.customer_id != customer_id:
            raise StateUnavailable("with another customer")
        return found
    if status == 404:
        return _decode_not_here(body)
    raise StateUnavailable(_decode_problem(body).detail)


def _get(
    address: str, worker_id: str, customer_id: str, token: AccessToken | None, timeout_s: float
) -> tuple[int, bytes]:
    path, _, query = customer_address(customer_id).partition("?")
    query = "&".join(filter(None, (query, f"worker={quote(worker_id)}")))
    return get(address, f"{path}?{query}", timeout_s, {"Authorization": token.header} if token else {})


def get(
    address: str, target: str, timeout_s: float, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of a worker's answer, of at most MAX_ANSWER_BYTES.

    Args:
        address: of its HTTP port, as it advertises it: http://10.0.0.7:9400.
        target: what to ask for there: "/metrics".
        timeout_s: of each read of the socket; the whole takes longer if the worker sends slowly.
        headers: of the request.

    Raises:
        ValueError: this is no address.
        OSError, HTTPException: no answer.
    """
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an address")
    connect: Any = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path + target, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(MAX_ANSWER_BYTES)
    finally:
        connection.close()
