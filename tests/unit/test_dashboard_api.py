"""The dashboard's HTTP API: each address, its errors, and what no answer may do."""

import csv
import gzip
import io
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import quote

import pytest
from structlog.testing import capture_logs

from dashboard.broadcast import FeedState
from subscriber.snapshot_csv import csv_rows
from tests.dashboard_stage import (
    OUT_OF_REACH,
    KnownCustomers,
    Stage,
    customer,
    row,
    security_headers,
    snapshot,
    stage,
)

HOSTILE = {
    "c1": "<script>alert(1)</script>",
    "c2": "\u202egnp.exe\u2066\x1b[31m",
    "c3": "字" * 200,
    "c4": "</title>\r\n\r\ndata: x\n\n",
    "c5": "\u2028'\"&{{after}}{{static}}",
}
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]
IDS = [
    "plain",
    "a/b",
    ".",
    "..",
    "a\nb\n",
    "50% off?#x",
    "ödegård 字 🛒",
    "..a",
    "x.csv",
    "%2F",
    "'\"<>&",
    "z" * 256,
]
CUSTOMERS = KnownCustomers(*(customer(each) for each in IDS), customer("second", "40.00"))
OLD = snapshot(3, row(1, "old"))
NEWEST = snapshot(8, row(1, "first", "100.00"), row(2, "second", "40.00"))


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    with stage(OLD, NEWEST, customers=CUSTOMERS) as made:
        made.publish(NEWEST)
        made.set_state(FeedState.LIVE)
        yield made


def test_the_newest_snapshot_is_the_json_of_the_contract(served: Stage) -> None:
    answer = served.ask("/api/snapshots/latest")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert (answer.json["sequence"], answer.json["schema_version"]) == (8, 2)
    assert [each["customer_id"] for each in answer.json["rows"]] == ["first", "second"]
    assert answer.headers["Cache-Control"] == "no-cache"


def test_caches_ask_again_for_a_numbered_snapshot_because_its_topic_may_be_made_anew(served: Stage) -> None:
    answer = served.ask("/api/snapshots/3")
    assert answer.json["rows"][0]["customer_id"] == "old"
    assert answer.headers["Cache-Control"] == "no-cache"
    with stage(snapshot(3, row(1, "new"))) as anew:
        anew.publish(snapshot(8))
        again = anew.ask("/api/snapshots/3", If_None_Match=answer.headers["ETag"] or "")
    assert (again.status, again.json["rows"][0]["customer_id"]) == (200, "new")


@pytest.mark.parametrize("suffix", ["", ".csv"])
def test_a_numbered_snapshot_asked_for_with_its_time_may_be_kept_for_ever(served: Stage, suffix: str) -> None:
    answer = served.ask(f"/api/snapshots/3{suffix}?emitted_at={OLD.emitted_at}")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, max-age=31536000, immutable")
    assert answer.body == served.ask(f"/api/snapshots/3{suffix}").body


def test_a_snapshot_of_another_time_is_not_the_one_that_was_asked_for(served: Stage) -> None:
    answer = served.ask("/api/snapshots/3?emitted_at=1999-01-01T00:00:00Z")
    assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")
    assert OLD.emitted_at in answer.json["detail"]


@pytest.mark.parametrize("path", ["/api/snapshots/latest", "/api/snapshots/3", "/api/snapshots/3.csv", "/"])
def test_who_has_it_already_gets_304_without_a_body(served: Stage, path: str) -> None:
    tag = served.ask(path).headers["ETag"] or ""
    assert tag
    for seen in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = served.ask(path, If_None_Match=seen)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert served.ask(path, If_None_Match='"other"').status == 200


def test_csv_and_json_of_one_snapshot_have_different_tags(served: Stage) -> None:
    paths = ("/api/snapshots/3", "/api/snapshots/3.csv", "/api/snapshots/latest")
    assert len({served.ask(path).headers["ETag"] for path in paths}) == 3


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/api/snapshots/8.csv", "*/*"),
        ("/api/snapshots/latest.csv", "application/json"),
        ("/api/snapshots/8", "text/csv"),
        ("/api/snapshots/latest", "application/json;q=0.5, text/csv;q=0.9"),
    ],
)
def test_csv_comes_by_the_suffix_or_by_accept(served: Stage, path: str, accept: str) -> None:
    answer = served.ask(path, Accept=accept)
    assert (answer.headers["Content-Type"] or "").startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [(each["sequence"], each["customer_id"]) for each in rows] == [("8", "first"), ("8", "second")]
    assert 'filename="snapshot-8.csv"' in (answer.headers["Content-Disposition"] or "")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json, text/csv", "text/csv;q=0", "text/csv;q=x", "", "text/html,*/*;q=0.8"]
)
def test_json_comes_where_csv_is_not_asked_for_first(served: Stage, accept: str) -> None:
    assert served.ask("/api/snapshots/8", Accept=accept).headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("text", FORMULAS)
def test_text_that_a_spreadsheet_takes_for_a_formula_is_quoted(text: str) -> None:
    with stage() as served:
        served.publish(snapshot(1, row(1, text, name=text)))
        [found] = csv.DictReader(
            io.StringIO(served.ask("/api/snapshots/latest.csv").body.decode(), newline="")
        )
    assert (found["customer_id"], found["last_name"]) == (f"'{text}", f"'{text}")


@pytest.mark.parametrize("text", ['x\r=1+1,"', "x\n=1+1", 'x","=1+1'])
def test_no_text_begins_another_line_or_cell_of_the_csv(text: str) -> None:
    [found] = csv.reader(io.StringIO(csv_rows(snapshot(1, row(1, text))), newline=""))
    assert found[5] == text


def test_hostile_names_stay_text_in_json_and_in_no_header() -> None:
    rows = [row(rank, each, name=HOSTILE[each]) for rank, each in enumerate(HOSTILE, 1)]
    with stage() as served:
        served.publish(snapshot(1, *rows))
        answer = served.ask("/api/snapshots/latest")
    assert {each["customer_id"]: each["last_name"] for each in answer.json["rows"]} == HOSTILE
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "script" not in str(answer.headers.items()).replace("script-src 'self'", "")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/api/snapshots/4", 404),
        ("/api/snapshots/four", 404),
        (f"/api/snapshots/{'9' * 5_000}", 404),
        ("/api/customers/", 404),
        ("/static/../pyproject.toml", 404),
        ("/static/x/%2e%2e/%2e%2e/app.py", 404),
        ("/api/snapshots?limit=0", 400),
        ("/api/snapshots?limit=1001", 400),
        ("/api/snapshots?limit=many", 400),
        ("/api/snapshots?since=yesterday", 400),
        ("/api/snapshots?until=9999-12-31T23:59:59-23:59", 400),
        ("/api/stream?last_event_id=x", 400),
    ],
)
def test_an_error_is_a_problem_that_says_what_to_do(served: Stage, path: str, status: int) -> None:
    answer = served.ask(path)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json["status"] == status
    assert answer.json["title"] == HTTPStatus(status).phrase
    assert len(answer.json["detail"]) > 10


def test_before_the_first_snapshot_clients_are_told_to_come_again() -> None:
    with stage() as served:
        answer = served.ask("/api/snapshots/latest")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert served.ask("/api/health").json["snapshot"] is None


@pytest.mark.parametrize(
    "path", ["/api/snapshots", "/api/snapshots/3", f"/api/customers/{quote(OUT_OF_REACH)}"]
)
def test_while_the_topic_cant_be_read_the_answer_names_no_broker(path: str) -> None:
    with stage(away=True, customers=CUSTOMERS) as served:
        answer = served.ask(path)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert b"internal" not in answer.body


def test_a_stretch_of_snapshots_comes_in_short(served: Stage) -> None:
    found = served.ask("/api/snapshots?since=4&limit=5").json
    assert found["thinned"] is False
    [only] = found["snapshots"]
    assert (only["sequence"], only["events"], only["leaders"][0]["customer_id"]) == (8, 8, "first")


@pytest.mark.parametrize("customer_id", IDS)
def test_a_customers_id_may_have_any_characters(served: Stage, customer_id: str) -> None:
    answer = served.ask(f"/api/customers/{quote(customer_id, safe='')}")
    assert answer.status == 200
    assert (answer.json["customer_id"], CUSTOMERS.asked_for[-1]) == (customer_id, customer_id)
    assert answer.json["next_offset"] == 7
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("customer_id", [".", "..", "a/b"])
def test_a_customers_id_may_be_in_the_query(served: Stage, customer_id: str) -> None:
    answer = served.ask(f"/api/customers?id={quote(customer_id, safe='')}")
    assert (answer.status, answer.json["customer_id"]) == (200, customer_id)
    assert served.ask("/customers?id=..").headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("query", ["", "?id=", "?other=x"])
def test_a_customer_without_an_id_is_400(served: Stage, query: str) -> None:
    answer = served.ask(f"/api/customers{query}")
    assert (answer.status, answer.json["detail"]) == (400, "id: give the id of a customer")


def test_a_customer_comes_with_its_standing(served: Stage) -> None:
    assert served.ask("/api/customers/second").json["standing"] == {
        "sequence": 8,
        "rank": 2,
        "ltv": "20800.00",
        "basis": "active",
        "weeks": 1,
        "next": {"rank": 1, "customer_id": "first", "more_spend": "60.01"},
    }


@pytest.mark.parametrize("customer_id", ["nobody", "z" * 257])
def test_an_unknown_customer_is_404(served: Stage, customer_id: str) -> None:
    assert served.ask(f"/api/customers/{customer_id}").status == 404


def test_health_says_the_state_and_the_age_of_the_newest_snapshot(served: Stage) -> None:
    health = served.ask("/api/health").json
    assert (health["state"], health["snapshot"]["sequence"]) == ("live", 8)
    assert health["snapshot"]["age_s"] > 0


@pytest.mark.parametrize("path", ["/", "/customers/a%2Fb", "/snapshots/12"])
def test_every_address_of_the_page_is_the_page(served: Stage, path: str) -> None:
    answer = served.ask(path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"{{" not in answer.body


def test_the_pages_files_have_an_address_that_may_be_kept_for_ever(served: Stage) -> None:
    page = served.ask("/").body.decode()
    folder = page.partition("/static/")[2].partition("/")[0]
    answer = served.ask(f"/static/{folder}/login.css")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/health", "/api/snapshots/latest.csv", "/api/customers/nobody", "/metrics"]
)
def test_every_answer_forbids_inline_scripts_frames_and_guessed_types(served: Stage, path: str) -> None:
    headers = security_headers(served.ask(path))
    policy = headers["Content-Security-Policy"] or ""
    assert "default-src 'none'; script-src 'self';" in policy
    assert "unsafe" not in policy
    assert policy.endswith("frame-ancestors 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_frames_are_allowed_by_the_setting_only() -> None:
    with stage(frame_ancestors=("'self'", "https://intranet.example")) as served:
        policy = served.ask("/").headers["Content-Security-Policy"] or ""
    assert policy.endswith("frame-ancestors 'self' https://intranet.example")


def test_another_host_is_refused(served: Stage) -> None:
    answer = served.ask("/", Host="evil.example")
    assert (answer.status, answer.json["status"]) == (421, 421)
    assert "--allowed-hosts" in answer.json["detail"]


def test_other_sites_pages_may_read_only_where_their_origin_is_allowed(served: Stage) -> None:
    origin = "https://shop.example"
    assert served.ask("/api/health", Origin=origin).headers["Access-Control-Allow-Origin"] is None
    with stage(allowed_origins=(origin,)) as open_to_it:
        allowed = open_to_it.ask("/api/health", Origin=origin)
        other = open_to_it.ask("/api/health", Origin="https://evil.example")
    assert allowed.headers["Access-Control-Allow-Origin"] == origin
    assert other.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize(
    "path", ["/", "/api/snapshots/latest", "/api/stream", "/metrics", "/api/openapi.json"]
)
def test_head_answers_like_get_without_a_body_and_no_other_method_is_allowed(
    served: Stage, path: str
) -> None:
    head = served.ask(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert {served.ask(path, method).status for method in ("POST", "PUT", "DELETE")} == {405}


def test_the_metrics_are_compressed_once(served: Stage) -> None:
    """Twice, no Prometheus could read them."""
    answer = served.ask("/metrics", **{"Accept-Encoding": "gzip"})
    assert answer.headers.get_all("Content-Encoding") == ["gzip"]
    assert b"ltv_dashboard_live 1.0" in gzip.decompress(answer.body)


def test_large_answers_are_compressed_for_those_who_can_read_it(served: Stage) -> None:
    assert served.ask("/api/openapi.json", Accept_Encoding="gzip").headers["Content-Encoding"] == "gzip"
    assert served.ask("/api/openapi.json").headers["Content-Encoding"] is None


def test_a_fault_of_the_program_is_a_problem_and_neither_answer_nor_log_has_its_text() -> None:
    class Faulty(KnownCustomers):
        def find_customer(self, customer_id: str) -> None:  # type: ignore[override]
            raise KeyError("secret")

    with stage(customers=Faulty()) as served, capture_logs() as logs:
        answer = served.ask("/api/customers/x")
    assert [(entry["event"], entry["error"]) for entry in logs] == [("request failed", "KeyError")]
    assert "secret" not in str(logs)
    assert (answer.status, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert b"secret" not in answer.body
    assert security_headers(answer)["X-Content-Type-Options"] == "nosniff"
