"""A secret comes from its variable or from its file; what is wrong is said in one line, without the secret."""

from pathlib import Path

import pytest

from contract.errors import Fatal
from contract.secret_variables import MAX_SECRET_BYTES, secret_of

NAME = "KAFKA_SASL_PASSWORD"
SECRET = "hunter2 \n é"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    return tmp_path / "secret"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_file_holds_the_secret_and_a_line_end_does_not_count(file: Path, end: str) -> None:
    file.write_bytes((SECRET + end).encode())
    assert secret_of(NAME) == SECRET


def test_only_one_line_end_is_left_out(file: Path) -> None:
    file.write_text(f"{SECRET}\n\n")
    assert secret_of(NAME) == f"{SECRET}\n"


def test_the_variable_holds_the_secret_where_no_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", "")
    monkeypatch.setenv(NAME, SECRET)
    assert secret_of(NAME) == SECRET
    monkeypatch.setenv(NAME, "")
    assert secret_of(NAME) is None


def test_both_are_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("hunter2")
    monkeypatch.setenv(NAME, "hunter3")
    with pytest.raises(Fatal, match=rf"^{NAME} and {NAME}_FILE are both set: unset one of them$"):
        secret_of(NAME)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read: No such file"),
        (b"", "is empty"),
        (b"\r\n", "is empty"),
        (b"hunter2\xff", "is no UTF-8 text"),
        (b"x" * (MAX_SECRET_BYTES + 1), "has more than 65,536 bytes"),
    ],
    ids=["absent", "empty", "line end", "binary", "long"],
)
def test_a_file_that_has_no_secret_is_refused(file: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Fatal, match=f"^{NAME}_FILE: {file} {said}") as refused:
        secret_of(NAME)
    assert "hunter2" not in str(refused.value)
