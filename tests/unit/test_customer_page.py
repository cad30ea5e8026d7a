"""The page /customers/ID answers any id, and only those who may ask."""

import asyncio
import json
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import pytest
from starlette.responses import PlainTextResponse

from consumer.customer_page import CustomerAnswers, CustomerPage
from contract.access_token import AccessToken
from contract.customers import CustomerDetail, NotOwned, StateUnavailable, UnknownCustomer

SECRET = "s3cret/token=="
ODD_IDS = ["c", "a/b/../c", "x\ny", "50%?#&+ ", "Ødegård 顧客", "\u202e<script>", ".", "customers/"]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


def detail(customer_id: str) -> CustomerDetail:
    return CustomerDetail(
        customer_id=customer_id,
        last_name=None,
        partition=0,
        next_offset=1,
        source="owner",
        total_spend="0.00",
        weeks=1,
        visits=0,
        orders=0,
        order_list=[],
        active_weeks=["2026-01-04"],
        ltv="0.00",
    )


def find(customer_id: str) -> CustomerDetail:
    match customer_id:
        case "unknown":
            raise UnknownCustomer("unknown", {2: 7})
        case "elsewhere":
            raise NotOwned("partition 3")
        case "restoring":
            raise StateUnavailable("partition 1 is restoring")
    return detail(customer_id)


def ask(target: str, method: str = "GET", token: str | None = None, **headers: str) -> Answer:
    """The answer of a page that requires `token`."""
    answers = CustomerAnswers(find, "w1", AccessToken(token) if token else None)
    page = CustomerPage(PlainTextResponse("another page"), answers)
    parts = urlsplit(target)
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(parts.path),
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(page(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    is_json = "json" in found.get("content-type", "")
    return Answer(sent[0]["status"], found, json.loads(body) if is_json else body.decode())


@pytest.mark.parametrize("customer_id", ODD_IDS)
def test_an_id_may_have_any_characters(customer_id: str) -> None:
    answer = ask(f"/customers/{quote(customer_id, safe='')}")
    assert (answer.status, answer.body["customer_id"]) == (200, customer_id)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("customer_id", [".", "..", "a b/&?é"])
def test_an_id_may_be_in_the_query_where_clients_would_resolve_it_in_the_path(customer_id: str) -> None:
    """Browsers, curl and proxies make / of /customers/.. and of /customers/%2E%2E."""
    answer = ask(
        f"/customers?id={quote(customer_id, safe='')}", token=SECRET, authorization=f"Bearer {SECRET}"
    )
    assert (answer.status, answer.body["customer_id"]) == (200, customer_id)
    assert ask(f"/customers?id={quote(customer_id)}", token=SECRET).status == 401


@pytest.mark.parametrize(
    ("customer_id", "status"), [("unknown", 404), ("elsewhere", 421), ("restoring", 503)]
)
def test_what_can_not_be_answered_is_a_problem_with_its_status(customer_id: str, status: int) -> None:
    answer = ask(f"/customers/{customer_id}")
    assert (answer.status, answer.body["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "detail"} <= answer.body.keys()


def test_an_unknown_customer_is_unknown_before_an_offset() -> None:
    assert ask("/customers/unknown").body["looked_at"] == {"2": 7}


def test_other_paths_are_handed_on() -> None:
    assert ask("/customers").body == ask("/metrics").body == "another page"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_get_and_head_are_allowed(method: str) -> None:
    answer = ask("/customers/c", method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_who_asks_for_another_worker_is_sent_away() -> None:
    assert ask("/customers/c?worker=w1").status == 200
    assert ask("/customers/c?worker=w0").status == 421


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_opens_the_page(scheme: str) -> None:
    assert ask("/customers/c", token=SECRET, authorization=f"{scheme} {SECRET}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {SECRET}x"},
        {"authorization": f"Bearer {SECRET[:-1]}"},
        {"authorization": f"Basic {SECRET}"},
        {"authorization": SECRET},
        {"authorization": "Bearer é"},
    ],
    ids=str,
)
def test_without_the_token_nothing_is_said(headers: dict[str, str]) -> None:
    known, unknown = (ask(f"/customers/{name}", token=SECRET, **headers) for name in ("c", "unknown"))
    assert (known.status, known.headers["www-authenticate"]) == (401, "Bearer")
    assert known == unknown
