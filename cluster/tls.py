"""Check the files of a TLS connection before connecting; each error names the variable and the file."""

import ssl
from collections.abc import Callable
from pathlib import Path

from contract.errors import Fatal


def tls_context(
    cafile: str | None, certfile: str | None, keyfile: str | None, password: str | None
) -> ssl.SSLContext:
    """A client's TLS context from these files (PEM; None: no such file); never asks for a password at the terminal.

    Raises:
        Fatal: a file can't be read or used; the text names its KAFKA_SSL_* variable, and contains no secret.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if cafile:
        _load_certificates(context, "KAFKA_SSL_CAFILE", cafile)
    else:
        context.load_default_certs()
    if certfile:
        _load_certificates(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "KAFKA_SSL_CERTFILE", certfile)
        _load_key(context, certfile, keyfile, password)
    elif keyfile:
        raise Fatal("KAFKA_SSL_KEYFILE is set, but KAFKA_SSL_CERTFILE is not: set both, or neither")
    return context


def _load_certificates(context: ssl.SSLContext, variable: str, path: str) -> None:
    _check_readable(variable, path)
    try:
        context.load_verify_locations(path)
    except ssl.SSLError:
        raise Fatal(f"{variable}: {path} holds no certificate in PEM") from None


def _load_key(context: ssl.SSLContext, certfile: str, keyfile: str | None, password: str | None) -> None:
    where = f"KAFKA_SSL_KEYFILE: {keyfile}" if keyfile else f"KAFKA_SSL_KEYFILE is not set, and {certfile}"
    if keyfile:
        _check_readable("KAFKA_SSL_KEYFILE", keyfile)
    asked: list[bool] = []
    try:
        context.load_cert_chain(certfile, keyfile, _password_callback(password or "", asked))
    except (ssl.SSLError, ValueError) as error:
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            raise Fatal(f"{where} is not the private key of the certificate in {certfile}") from None
        if not asked:
            raise Fatal(f"{where} holds no private key in PEM") from None
        wrong = "does not decrypt it" if password else "is not set"
        raise Fatal(f"{where} is encrypted, and KAFKA_SSL_PASSWORD {wrong}") from None


def _password_callback(password: str, asked: list[bool]) -> Callable[[], str]:
    """A callback that returns the password, and notes in `asked` that the key needs one."""

    def answer() -> str:
        asked.append(True)
        return password

    return answer


def _check_readable(variable: str, path: str) -> None:
    try:
        with Path(path).open("rb") as file:
            file.read(1)
    except OSError as error:
        raise Fatal(f"{variable}: {path}: {error.strerror}") from None
