"""The access token: who has it reads, nobody else does, and nothing tells it."""

from collections.abc import Iterator
from urllib.parse import quote, urlencode

import pytest
from structlog.testing import capture_logs

from contract.access_token import AccessToken
from tests.dashboard_stage import Answer, KnownCustomers, Stage, customer, snapshot, stage

SECRET = "correct-horse-battery-staple"
BEARER = f"Bearer {SECRET}"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def served() -> Iterator[Stage]:
    with stage(snapshot(3), customers=KnownCustomers(customer("c")), token=AccessToken(SECRET)) as made:
        made.publish(snapshot(8))
        yield made


def log_in(served: Stage, token: str = SECRET, after: str = "/", **headers: str) -> Answer:
    form = urlencode({"token": token, "next": after})
    return served.ask("/login", "POST", form, Content_Type=FORM, **headers)


GUARDED = [
    "/api/snapshots",
    "/api/snapshots/latest",
    "/api/snapshots/3.csv",
    "/api/stream",
    "/api/customers/c",
]


@pytest.mark.parametrize("path", [*GUARDED, "/metrics"])
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", f"Basic {SECRET}", SECRET, f"Bearer {SECRET}x"]
)
def test_without_the_token_the_api_answers_401(served: Stage, path: str, header: str | None) -> None:
    answer = served.ask(path) if header is None else served.ask(path, Authorization=header)
    assert (answer.status, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "path", ["/api/snapshots/latest", "/api/snapshots/3", "/api/customers/c", "/", "/metrics"]
)
def test_with_the_token_everything_answers(served: Stage, path: str) -> None:
    assert served.ask(path, Authorization=BEARER).status == 200


def test_the_token_in_an_address_is_no_use(served: Stage) -> None:
    assert served.ask(f"/api/snapshots/latest?token={SECRET}&access_token={SECRET}").status == 401


@pytest.mark.parametrize("path", ["/api/health", "/api/openapi.json"])
def test_what_tells_no_figures_answers_everybody(served: Stage, path: str) -> None:
    assert served.ask(path).status == 200


@pytest.mark.parametrize(
    "path", ["/api/../api/snapshots/latest", "//api/snapshots/latest", "/login/x", "/API/stream"]
)
def test_an_odd_path_leads_to_no_figures(served: Stage, path: str) -> None:
    assert served.ask(path).status in {401, 404}


def test_caches_ask_again_and_only_with_the_token(served: Stage) -> None:
    answer = served.ask("/api/snapshots/3", Authorization=BEARER)
    assert answer.headers["Cache-Control"] == "no-cache"
    tag = answer.headers["ETag"] or ""
    assert served.ask("/api/snapshots/3", If_None_Match=tag, Authorization=BEARER).status == 304
    assert served.ask("/api/snapshots/3", If_None_Match=tag).status == 401


@pytest.mark.parametrize("path", ["/", "/customers/a%2Fb?wall", "/snapshots/3"])
def test_a_browser_gets_the_login_page_which_leads_back(served: Stage, path: str) -> None:
    answer = served.ask(path, Accept="text/html")
    assert answer.status == 401
    assert f'name="next" value="{path}"' in answer.body.decode()
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_cookie_of_the_login_opens_pages_and_api(served: Stage) -> None:
    answer = log_in(served, after="/customers/c")
    assert (answer.status, answer.headers["Location"]) == (303, "/customers/c")
    cookie = answer.headers["Set-Cookie"] or ""
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert SECRET not in cookie
    pair = cookie.partition(";")[0]
    assert {served.ask(path, Cookie=pair).status for path in ("/", "/api/snapshots/latest")} == {200}
    assert served.ask("/", Cookie=f"{pair}x").status == 401


def test_the_cookie_stays_valid_over_a_restart_and_not_over_another_token(served: Stage) -> None:
    pair = (log_in(served).headers["Set-Cookie"] or "").partition(";")[0]
    with stage(token=AccessToken(SECRET)) as again:
        assert again.ask("/", Cookie=pair).status == 200
    with stage(token=AccessToken(SECRET + "2")) as other:
        assert other.ask("/", Cookie=pair).status == 401


def test_over_tls_the_cookie_is_secure(served: Stage) -> None:
    assert "Secure" in (log_in(served, Origin="https://top.example").headers["Set-Cookie"] or "")
    assert "Secure" not in (log_in(served, Origin="http://localhost").headers["Set-Cookie"] or "")


@pytest.mark.parametrize("token", ["", "wrong", SECRET[:-1], "字"])
def test_a_wrong_token_gets_no_cookie(served: Stage, token: str) -> None:
    answer = log_in(served, token)
    assert (answer.status, answer.headers["Set-Cookie"]) == (401, None)
    assert b"not the access token" in answer.body


def test_many_wrong_tokens_slow_their_address_down_and_nobody_who_is_logged_in() -> None:
    with stage(token=AccessToken(SECRET)) as served:
        pair = (log_in(served).headers["Set-Cookie"] or "").partition(";")[0]
        assert [log_in(served, f"wrong {i}").status for i in range(7)] == [401] * 5 + [429] * 2
        slowed = log_in(served)
        assert (slowed.status, slowed.headers["Retry-After"]) == (429, "1")
        assert b"try again in 1 s" in slowed.body
        assert served.ask("/", Cookie=pair).status == 200


@pytest.mark.parametrize(
    "after",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\r\nX: y", ""],
)
def test_the_login_leads_to_this_server_only(served: Stage, after: str) -> None:
    answer = log_in(served, after=after)
    assert answer.headers["Location"] == "/"
    assert answer.headers["X"] is None


def test_markup_in_the_address_stays_text_on_the_login_page(served: Stage) -> None:
    wrong = log_in(served, "wrong", after='/"><script>alert(1)</script>')
    asked = served.ask(f"/customers/{quote('><script>')}", Accept="text/html")
    odd = served.ask("//evil.example/x", Accept="text/html")
    for answer in (wrong, asked, odd):
        assert b"<script" not in answer.body
        assert b'href="//' not in answer.body


def test_a_long_form_is_refused(served: Stage) -> None:
    assert log_in(served, "x" * 5_000).status == 413


def test_no_log_and_no_answer_has_the_token(served: Stage) -> None:
    with capture_logs() as logs:
        answers = [
            served.ask("/", Authorization=BEARER),
            log_in(served),
            log_in(served, "wrong"),
            served.ask("/x"),
        ]
    said = [answer.body.decode() + str(answer.headers.items()) for answer in answers]
    assert SECRET not in str(said) + str(logs)


def test_a_preflight_of_an_allowed_origin_needs_no_token() -> None:
    origin = "https://shop.example"
    asks = {"Access_Control_Request_Method": "GET", "Access_Control_Request_Headers": "authorization"}
    with stage(token=AccessToken(SECRET), allowed_origins=(origin,)) as served:
        answer = served.ask("/api/snapshots/latest", "OPTIONS", Origin=origin, **asks)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)
