"""Connection settings: KAFKA_* from the environment, translated for kafka-python."""

import ssl
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from cluster.tls import tls_context
from contract.errors import Fatal
from contract.secret_variables import secret_of

CONNECT_TIMEOUT_MS: Final = 5_000
"""How long kafka-python tries to connect to any broker before it raises an error."""
RECONNECT_WITHIN_MS: Final = 1_000
"""The longest pause between attempts to reconnect; kafka-python's default is 30 s."""


class Cluster(BaseSettings):
    """The connection to Kafka. Every field is read from KAFKA_<FIELD>; secrets never reach a log.

    `at` also reads secrets from the files that KAFKA_<FIELD>_FILE name.
    """

    model_config = SettingsConfigDict(env_prefix="KAFKA_", env_ignore_empty=True, extra="ignore")

    bootstrap_servers: str = Field("localhost:9092", description="host:port of one or more brokers")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="protocol of the brokers' port: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        None, description="SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    sasl_username: str | None = Field(None, description="user for SASL")
    sasl_password: SecretStr | None = Field(None, description="password for SASL")
    ssl_cafile: str | None = Field(None, description="file of the trusted CA certificates (PEM)")
    ssl_certfile: str | None = Field(None, description="file of the client's certificate (PEM)")
    ssl_keyfile: str | None = Field(None, description="file of the client's private key (PEM)")
    ssl_password: SecretStr | None = Field(None, description="password of the client's private key")
    ssl_check_hostname: bool = Field(True, description="check that the broker's certificate names its host")

    @classmethod
    def at(cls, bootstrap_servers: str | None) -> "Cluster":
        """The settings from the environment; `bootstrap_servers` overrides the environment's.

        Raises:
            Fatal: these settings can never connect; the text names the variable, and no value that may be secret.
        """
        given: dict[str, Any] = {name: secret_of(_variable(name)) for name in cls.secret_fields()}
        if bootstrap_servers is not None:
            given["bootstrap_servers"] = bootstrap_servers
        try:
            cluster = cls(**given)
        except ValidationError as error:
            wrong = error.errors(include_input=False)
            raise Fatal(
                "; ".join(f"{_variable(str(one['loc'][0]))}: {one['msg']}" for one in wrong)
            ) from None
        cluster.check()
        return cluster

    @classmethod
    def secret_fields(cls) -> list[str]:
        """The fields that hold secrets."""
        return [name for name, field in cls.model_fields.items() if "SecretStr" in str(field.annotation)]

    def check(self) -> None:
        """Check that these settings fit each other, and that the files they name can be used.

        Raises:
            Fatal: these settings can never connect.
        """
        if self.uses_login:
            login = ("sasl_mechanism", "sasl_username", "sasl_password")
            if unset := [_variable(name) for name in login if getattr(self, name) is None]:
                raise Fatal(
                    f"KAFKA_SECURITY_PROTOCOL is {self.security_protocol}: set {', '.join(unset)}, too"
                )
        if self.uses_tls:
            self.tls_context()

    @property
    def uses_login(self) -> bool:
        """Whether clients log in by SASL."""
        return self.security_protocol.startswith("SASL")

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")

    def tls_context(self) -> ssl.SSLContext:
        """The TLS context that kafka-python would build from these settings; raises Fatal if a file can't be used."""
        context = tls_context(
            self.ssl_cafile, self.ssl_certfile, self.ssl_keyfile, _revealed(self.ssl_password)
        )
        context.check_hostname = self.ssl_check_hostname
        return context

    def client_settings(self, client_id: str) -> dict[str, Any]:
        """Keyword arguments for any kafka-python client."""
        settings: dict[str, Any] = {
            "bootstrap_servers": [server.strip() for server in self.bootstrap_servers.split(",")],
            "client_id": client_id,
            "bootstrap_timeout_ms": CONNECT_TIMEOUT_MS,
            "reconnect_backoff_max_ms": RECONNECT_WITHIN_MS,
            "security_protocol": self.security_protocol,
        }
        if self.uses_login:
            settings |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": _revealed(self.sasl_password),
            }
        if self.uses_tls:
            settings |= {
                "ssl_cafile": self.ssl_cafile,
                "ssl_certfile": self.ssl_certfile,
                "ssl_keyfile": self.ssl_keyfile,
                "ssl_password": _revealed(self.ssl_password),
                "ssl_check_hostname": self.ssl_check_hostname,
            }
        return settings


def _variable(field: str) -> str:
    return f"KAFKA_{field.upper()}"


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
