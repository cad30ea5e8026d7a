"""How to reach the cluster: KAFKA_* settings from the environment, as kafka-python and librdkafka take them."""

from typing import Any, Final, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

CONNECT_TIMEOUT_MS: Final = 5_000
"""How long kafka-python looks for a broker before it says that there is none."""
RECONNECT_WITHIN_MS: Final = 1_000
"""A broker that is back is noticed so soon; left alone the clients wait for up to 30 s, and 10 s."""


class Cluster(BaseSettings):
    """The connection to Kafka. Every field is read from KAFKA_<FIELD>; secrets never reach a log."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", env_ignore_empty=True, extra="ignore")

    bootstrap_servers: str = Field("localhost:9092", description="host:port of one or more brokers")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to talk to the brokers"
    )
    sasl_mechanism: str | None = Field(None, description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, ...")
    sasl_username: str | None = Field(None, description="user for SASL")
    sasl_password: SecretStr | None = Field(None, description="password for SASL")
    ssl_cafile: str | None = Field(None, description="file of the trusted CA certificates (PEM)")
    ssl_certfile: str | None = Field(None, description="file of the client's certificate (PEM)")
    ssl_keyfile: str | None = Field(None, description="file of the client's private key (PEM)")
    ssl_password: SecretStr | None = Field(None, description="password of the client's private key")
    ssl_check_hostname: bool = Field(True, description="check that the broker's certificate names its host")

    @classmethod
    def at(cls, bootstrap_servers: str | None) -> "Cluster":
        """The cluster of the environment, at these brokers where some are given."""
        return cls() if bootstrap_servers is None else cls(bootstrap_servers=bootstrap_servers)

    def client_settings(self, client_id: str) -> dict[str, Any]:
        """Keyword arguments that every kafka-python client takes."""
        settings: dict[str, Any] = {
            "bootstrap_servers": [server.strip() for server in self.bootstrap_servers.split(",")],
            "client_id": client_id,
            "bootstrap_timeout_ms": CONNECT_TIMEOUT_MS,
            "reconnect_backoff_max_ms": RECONNECT_WITHIN_MS,
            "security_protocol": self.security_protocol,
        }
        if "SASL" in self.security_protocol:
            settings |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self.sasl_password and self.sasl_password.get_secret_value(),
            }
        if "SSL" in self.security_protocol:
            settings |= {
                "ssl_cafile": self.ssl_cafile,
                "ssl_certfile": self.ssl_certfile,
                "ssl_keyfile": self.ssl_keyfile,
                "ssl_password": self.ssl_password and self.ssl_password.get_secret_value(),
                "ssl_check_hostname": self.ssl_check_hostname,
            }
        return settings

    def librdkafka_settings(self, client_id: str) -> dict[str, Any]:
        """Properties that every librdkafka client takes."""
        settings: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": client_id,
            "reconnect.backoff.max.ms": RECONNECT_WITHIN_MS,
            "security.protocol": self.security_protocol,
        }
        if "SASL" in self.security_protocol:
            settings |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password and self.sasl_password.get_secret_value(),
            }
        if "SSL" in self.security_protocol:
            settings |= {
                "ssl.ca.location": self.ssl_cafile,
                "ssl.certificate.location": self.ssl_certfile,
                "ssl.key.location": self.ssl_keyfile,
                "ssl.key.password": self.ssl_password and self.ssl_password.get_secret_value(),
                "ssl.endpoint.identification.algorithm": "https" if self.ssl_check_hostname else "none",
            }
        return {name: value for name, value in settings.items() if value is not None}


def environment_help() -> str:
    """The KAFKA_* variables, one a line, for `--help` and the README."""
    return "\n".join(
        f"KAFKA_{name.upper()}: {field.description}" for name, field in Cluster.model_fields.items()
    )
