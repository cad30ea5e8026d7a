"""A broker with a listener for each protocol: the right settings connect, and wrong ones are told what is wrong."""

import random
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any, Final

import pytest
from kafka import KafkaProducer

from broker.properties import HOST
from broker.readiness import free_ports
from cluster.log_reader import LogReader
from cluster.settings import Cluster
from contract.errors import Fatal
from tests.certificates import Certificates
from tests.faults import topics
from tests.faults.brokers import one_node

PROTOCOLS: Final[Mapping[str, str]] = {
    "PLAIN": "PLAINTEXT",
    "LOGIN": "SASL_PLAINTEXT",
    "TLS": "SSL",
    "TLSLOGIN": "SASL_SSL",
    "MUTUAL": "SSL",
}
"""Listener -> its protocol; MUTUAL asks for a client's certificate."""
LOGIN: Final[Mapping[str, str]] = {
    "sasl_mechanism": "PLAIN",
    "sasl_username": "shop",
    "sasl_password": "secret",
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def listeners(certificates: Certificates) -> Iterator[Mapping[str, str]]:
    """Listener -> its address."""
    *ports, controller = free_ports(len(PROTOCOLS) + 1)
    at = {name: f"{HOST}:{port}" for name, port in zip(PROTOCOLS, ports, strict=True)}
    advertised = ",".join(f"{name}://{address}" for name, address in at.items())
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    settings = {
        "listeners": f"{advertised},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": advertised,
        "listener.security.protocol.map": ",".join(
            f"{name}:{protocol}" for name, protocol in {"CONTROLLER": "PLAINTEXT", **PROTOCOLS}.items()
        ),
        "inter.broker.listener.name": "PLAIN",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "sasl.enabled.mechanisms": "PLAIN",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": certificates.broker_store,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": certificates.ca,
        "listener.name.mutual.ssl.client.auth": "required",
    }
    for name in ("login", "tlslogin"):
        settings[f"listener.name.{name}.plain.sasl.jaas.config"] = f'{module} required user_shop="secret";'
    with one_node(settings, port=ports[0]):
        yield at


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.settings.CONNECT_TIMEOUT_MS", 1_500)


def settings_for(at: str, protocol: str, **settings: Any) -> Cluster:
    cluster = Cluster(bootstrap_servers=at, security_protocol=protocol, **settings)
    cluster.check()
    return cluster


def connect(at: str, protocol: str, **settings: Any) -> None:
    with LogReader(settings_for(at, protocol, **settings)) as reader:
        assert not reader.exists("nothing")


@pytest.mark.parametrize("listener", PROTOCOLS)
def test_the_right_settings_connect(
    listeners: Mapping[str, str], certificates: Certificates, listener: str
) -> None:
    files = {"ssl_cafile": certificates.ca, "ssl_certfile": certificates.client_with_key}
    connect(listeners[listener], PROTOCOLS[listener], **LOGIN, **files)


@pytest.fixture(scope="module")
def written(listeners: Mapping[str, str]) -> list[bytes]:
    """The values in a topic `long`: too long for one read of a socket, and of every length about it."""
    drawn = random.Random(15)
    values = [drawn.randbytes(length) for length in (*range(4_060, 4_100), 100_000, 900_000, 1, 16_384)]
    with closing(topics.Cluster(listeners["PLAIN"])) as cluster:
        cluster.create("long", partitions=1)
    with closing(KafkaProducer(bootstrap_servers=listeners["PLAIN"])) as producer:
        sent = [producer.send("long", value) for value in values]
        for record in sent:
            record.get(60)
    return values


@pytest.mark.parametrize("listener", PROTOCOLS)
def test_long_records_are_read_whole(
    listeners: Mapping[str, str], certificates: Certificates, listener: str, written: list[bytes]
) -> None:
    files = {"ssl_cafile": certificates.ca, "ssl_certfile": certificates.client_with_key}
    with LogReader(settings_for(listeners[listener], PROTOCOLS[listener], **LOGIN, **files)) as reader:
        read = [record.value for some in reader.read("long", 0, 0, len(written)) for record in some]
    assert read == written


WRONG_PROTOCOLS: Final = [
    ("PLAIN", "SASL_PLAINTEXT", "asks for no login"),
    *(("PLAIN", protocol, "does not speak TLS") for protocol in ("SSL", "SASL_SSL")),
    ("LOGIN", "PLAINTEXT", "asks for a login"),
    *(("LOGIN", protocol, "does not speak TLS") for protocol in ("SSL", "SASL_SSL")),
    *(
        (listener, protocol, "speaks TLS")
        for listener in ("TLS", "TLSLOGIN", "MUTUAL")
        for protocol in ("PLAINTEXT", "SASL_PLAINTEXT")
    ),
    ("TLS", "SASL_SSL", "asks for no login"),
    ("TLSLOGIN", "SSL", "asks for a login"),
]


@pytest.mark.parametrize(("listener", "protocol", "said"), WRONG_PROTOCOLS)
def test_a_protocol_that_is_not_the_listeners_is_refused(
    listeners: Mapping[str, str], certificates: Certificates, listener: str, protocol: str, said: str
) -> None:
    at = listeners[listener]
    check = rf"{said}.*check KAFKA_SECURITY_PROTOCOL \(now {protocol}\)"
    with pytest.raises(Fatal, match=f"{at} {check}"):
        connect(at, protocol, **LOGIN, ssl_cafile=certificates.ca)


@pytest.mark.parametrize("listener", ["LOGIN", "TLSLOGIN"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"sasl_password": "hunter2"}, "refuses the login: check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD"),
        ({"sasl_username": "nobody"}, "refuses the login: check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD"),
        (
            {"sasl_mechanism": "SCRAM-SHA-256"},
            "does not support this SASL mechanism: check KAFKA_SASL_MECHANISM",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else "".join(value),
)
def test_a_wrong_login_is_refused(
    listeners: Mapping[str, str], certificates: Certificates, listener: str, wrong: dict[str, str], said: str
) -> None:
    settings = {**LOGIN, **wrong, "ssl_cafile": certificates.ca}
    with pytest.raises(Fatal, match=said) as refused:
        connect(listeners[listener], PROTOCOLS[listener], **settings)
    assert "hunter2" not in str(refused.value)


def test_a_certificate_that_nobody_trusts_is_refused(
    listeners: Mapping[str, str], certificates: Certificates
) -> None:
    with pytest.raises(Fatal, match=r"not trusted.*check KAFKA_SSL_CAFILE"):
        connect(listeners["TLS"], "SSL", ssl_cafile=certificates.other_ca)


def test_a_broker_that_wants_a_clients_certificate_says_so(
    listeners: Mapping[str, str], certificates: Certificates
) -> None:
    with pytest.raises(Fatal, match=r"certificate required.*check KAFKA_SSL_CERTFILE"):
        connect(listeners["MUTUAL"], "SSL", ssl_cafile=certificates.ca)
