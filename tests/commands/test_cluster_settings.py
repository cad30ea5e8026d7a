"""KAFKA_* settings that can never connect are refused before connecting: the text names the variable, no secret."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cluster.settings import Cluster
from contract.errors import Fatal
from tests.certificates import KEY_PASSWORD, Certificates
from tests.commands.test_cli import run_ltv

LOGIN: Mapping[str, str] = {"SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "shop", "SASL_PASSWORD": "hunter2"}

Environment = Callable[..., None]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Set these KAFKA_* variables and no others."""

    def setting(**variables: str) -> None:
        for field in Cluster.model_fields:
            for ending in ("", "_FILE"):
                monkeypatch.delenv(f"KAFKA_{field.upper()}{ending}", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(f"KAFKA_{name}", value)

    return setting


def refused(*words: str) -> str:
    """The text with which the settings are refused; it is one line and has these words in it."""
    with pytest.raises(Fatal) as error:
        Cluster.at(None)
    text = str(error.value)
    assert "\n" not in text
    assert all(word in text for word in words), text
    assert "hunter2" not in text
    assert KEY_PASSWORD not in text
    return text


@pytest.mark.parametrize("name", ["SECURITY_PROTOCOL", "SASL_MECHANISM", "SSL_CHECK_HOSTNAME"])
def test_a_value_that_a_variable_does_not_take_is_refused_and_not_shown(
    environment: Environment, name: str
) -> None:
    environment(**{name: "hunter2"})
    refused(f"KAFKA_{name}: ")


@pytest.mark.parametrize("mechanism", ["GSSAPI", "OAUTHBEARER", "AWS_MSK_IAM", "plain"])
def test_a_mechanism_that_needs_more_than_a_user_and_a_password_is_refused(
    environment: Environment, mechanism: str
) -> None:
    environment(SECURITY_PROTOCOL="SASL_SSL", **{**LOGIN, "SASL_MECHANISM": mechanism})
    refused("KAFKA_SASL_MECHANISM", "SCRAM-SHA-256")


@pytest.mark.parametrize("missing", LOGIN)
@pytest.mark.parametrize("empty", [False, True], ids=["unset", "empty"])
def test_a_login_needs_mechanism_user_and_password(
    environment: Environment, missing: str, empty: bool
) -> None:
    login = {name: value for name, value in LOGIN.items() if name != missing} | (
        {missing: ""} if empty else {}
    )
    environment(SECURITY_PROTOCOL="SASL_PLAINTEXT", **login)
    others = LOGIN.keys() - {missing}
    text = refused("KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT", f"KAFKA_{missing}")
    assert not any(f"KAFKA_{name}" in text for name in others)


def test_a_whole_login_is_accepted(environment: Environment) -> None:
    environment(SECURITY_PROTOCOL="SASL_PLAINTEXT", **LOGIN)
    assert Cluster.at("one:9092").uses_login


def test_secrets_may_come_from_files(
    environment: Environment, certificates: Certificates, tmp_path: Path
) -> None:
    for name, secret in (("login", "hunter2"), ("key", KEY_PASSWORD)):
        (tmp_path / name).write_text(f"{secret}\n")
    login = {name: value for name, value in LOGIN.items() if name != "SASL_PASSWORD"}
    files = {"SSL_CERTFILE": certificates.client, "SSL_KEYFILE": certificates.encrypted_key}
    named = {"SASL_PASSWORD_FILE": str(tmp_path / "login"), "SSL_PASSWORD_FILE": str(tmp_path / "key")}
    environment(SECURITY_PROTOCOL="SASL_SSL", **login, **files, **named)
    cluster = Cluster.at(None)
    assert cluster.sasl_password
    assert cluster.sasl_password.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{cluster!r} {cluster}"
    environment(SECURITY_PROTOCOL="SASL_SSL", **LOGIN, SASL_PASSWORD_FILE=str(tmp_path / "login"))
    refused("KAFKA_SASL_PASSWORD and KAFKA_SASL_PASSWORD_FILE are both set")


@pytest.mark.parametrize("variable", ["SSL_CAFILE", "SSL_CERTFILE", "SSL_KEYFILE"])
@pytest.mark.parametrize(
    ("kind", "said"), [("absent", "No such file"), ("directory", "directory"), ("no PEM", "PEM")]
)
def test_a_file_that_cannot_be_used_is_refused_by_its_variable(
    environment: Environment, certificates: Certificates, tmp_path: Path, variable: str, kind: str, said: str
) -> None:
    path = {"absent": "/nope.pem", "directory": str(tmp_path), "no PEM": certificates.no_pem}[kind]
    files = {"SSL_CAFILE": certificates.ca, "SSL_CERTFILE": certificates.client, variable: path}
    environment(SECURITY_PROTOCOL="SSL", **{"SSL_KEYFILE": certificates.client_key, **files})
    refused(f"KAFKA_{variable}", path, said)


def test_a_key_of_another_certificate_is_refused(
    environment: Environment, certificates: Certificates
) -> None:
    key = certificates.client_key
    environment(SECURITY_PROTOCOL="SSL", SSL_CERTFILE=certificates.broker, SSL_KEYFILE=key)
    refused("KAFKA_SSL_KEYFILE", key, "is not the private key")


def test_a_key_without_a_certificate_is_refused(environment: Environment, certificates: Certificates) -> None:
    environment(SECURITY_PROTOCOL="SSL", SSL_KEYFILE=certificates.client_key)
    refused("KAFKA_SSL_CERTFILE is not")


def test_a_certificate_without_a_key_is_refused(environment: Environment, certificates: Certificates) -> None:
    environment(SECURITY_PROTOCOL="SSL", SSL_CERTFILE=certificates.client)
    refused("KAFKA_SSL_KEYFILE is not set", certificates.client)


@pytest.mark.parametrize(
    ("password", "said"), [({}, "is not set"), ({"SSL_PASSWORD": "hunter2"}, "does not decrypt")]
)
def test_an_encrypted_key_needs_its_password_and_nobody_is_asked_for_it(
    environment: Environment, certificates: Certificates, password: dict[str, str], said: str
) -> None:
    files = {"SSL_CERTFILE": certificates.client, "SSL_KEYFILE": certificates.encrypted_key}
    environment(SECURITY_PROTOCOL="SSL", **files, **password)
    refused("KAFKA_SSL_KEYFILE", "is encrypted", f"KAFKA_SSL_PASSWORD {said}")


def test_files_that_fit_are_accepted(environment: Environment, certificates: Certificates) -> None:
    files = {"SSL_CERTFILE": certificates.client, "SSL_KEYFILE": certificates.encrypted_key}
    environment(SECURITY_PROTOCOL="SSL", SSL_CAFILE=certificates.ca, SSL_PASSWORD=KEY_PASSWORD, **files)
    assert Cluster.at(None).uses_tls
    environment(SECURITY_PROTOCOL="SSL", SSL_CERTFILE=certificates.client_with_key)
    assert Cluster.at(None).uses_tls


@pytest.mark.parametrize(
    "command",
    ["top", "dead-letters list", "topics create", "publish /dev/null", "produce", "consume", "demo"],
)
def test_every_command_that_connects_refuses_them_in_one_line(environment: Environment, command: str) -> None:
    environment(BOOTSTRAP_SERVERS="127.0.0.1:1", SECURITY_PROTOCOL="SASL_SSL")
    result = run_ltv(*command.split())
    assert result.returncode == 1
    assert "ltv: KAFKA_SECURITY_PROTOCOL is SASL_SSL: set KAFKA_SASL_" in result.stderr.decode()
    assert b"Traceback" not in result.stderr
