"""The connection's settings are passed to librdkafka under its names; without the package, one line says what to do."""

import sys

import pytest
from confluent_kafka import Producer
from pydantic import SecretStr

from cluster.settings import Cluster
from consumer.settings import Settings
from consumer.stream.worker import connect_of
from contract.errors import Fatal

SASL_SSL = Cluster(
    bootstrap_servers="one:9093,two:9093",
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-512",
    sasl_username="shop",
    sasl_password=SecretStr("hush"),
)


def test_without_security_only_address_and_client_id_are_passed_on() -> None:
    assert Cluster(bootstrap_servers="one:9092").librdkafka_settings("me") == {
        "bootstrap.servers": "one:9092",
        "client.id": "me",
        "reconnect.backoff.max.ms": 1000,
        "security.protocol": "PLAINTEXT",
    }


def test_user_and_password_are_passed_on_and_unset_settings_are_not() -> None:
    assert SASL_SSL.librdkafka_settings("me") == {
        "bootstrap.servers": "one:9093,two:9093",
        "client.id": "me",
        "reconnect.backoff.max.ms": 1000,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "shop",
        "sasl.password": "hush",
        "ssl.endpoint.identification.algorithm": "https",
    }


def test_certificates_are_passed_on() -> None:
    cluster = Cluster(
        security_protocol="SSL",
        ssl_cafile="ca.pem",
        ssl_certfile="mine.pem",
        ssl_keyfile="key.pem",
        ssl_password=SecretStr("hush"),
        ssl_check_hostname=False,
    )
    found = cluster.librdkafka_settings("me")
    assert {name: value for name, value in found.items() if name.startswith("ssl.")} == {
        "ssl.ca.location": "ca.pem",
        "ssl.certificate.location": "mine.pem",
        "ssl.key.location": "key.pem",
        "ssl.key.password": "hush",
        "ssl.endpoint.identification.algorithm": "none",
    }


@pytest.mark.parametrize("cluster", [Cluster(), SASL_SSL], ids=["plain", "sasl_ssl"])
def test_librdkafka_accepts_every_setting(cluster: Cluster) -> None:
    Producer({**cluster.librdkafka_settings("me"), "log_level": 0}).close()


def test_the_fast_transport_without_its_package_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    monkeypatch.delitem(sys.modules, "consumer.stream.transport.confluent", raising=False)
    with pytest.raises(Fatal, match=r"pip install 'ltv\[fast\]'"):
        connect_of(Settings(Cluster(), transport="confluent"))
