"""The access token comes from the environment, and no text shows it."""

import pickle

import pytest

from contract.access_token import ACCESS_TOKEN_VARIABLE, AccessToken
from contract.errors import Fatal

SECRET = "abcdefgh-1234567"


def test_the_token_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ACCESS_TOKEN_VARIABLE, raising=False)
    assert AccessToken.from_environment() is None
    monkeypatch.setenv(ACCESS_TOKEN_VARIABLE, "")
    assert AccessToken.from_environment() is None
    monkeypatch.setenv(ACCESS_TOKEN_VARIABLE, SECRET)
    found = AccessToken.from_environment()
    assert found
    assert found.is_in(f"Bearer {SECRET}")
    assert not found.is_in(f"Bearer {SECRET}d")


def test_a_token_that_can_be_guessed_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ACCESS_TOKEN_VARIABLE, SECRET[:-1])
    with pytest.raises(Fatal, match=r"fewer than 16 characters.*secrets\.token_urlsafe") as caught:
        AccessToken.from_environment()
    assert SECRET[:-1] not in str(caught.value)


@pytest.mark.parametrize("secret", ["a b", "a\n", "é", "\x00"])
def test_a_token_that_no_header_can_have_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(Fatal, match="visible ASCII") as caught:
        AccessToken(secret)
    assert secret not in str(caught.value)


def test_neither_its_text_nor_its_errors_show_the_token() -> None:
    token = pickle.loads(pickle.dumps(AccessToken("abc-secret")))  # As a worker process gets it.
    assert "abc-secret" not in f"{token!r} {token}"
    assert token.equals("abc-secret")
