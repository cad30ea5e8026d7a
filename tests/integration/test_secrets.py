"""Secrets in settings and in events stand in nothing that the programs write: logs, metrics, errors, process list."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from broker.readiness import free_port, free_ports_in_a_row
from contract.access_token import ACCESS_TOKEN_VARIABLE
from contract.errors import Fatal
from tests.certificates import KEY_PASSWORD, Certificates
from tests.commands.test_cli import run_ltv
from tests.integration.application import Instance, Keyed, Plain, wait_until
from tests.integration.conftest import NewApplication, NewTopic
from tests.integration.test_parent_port import get
from tests.unit.fake_cluster import FakeCluster
from tests.unit.test_session import Worker

TOKEN = "token-3f2a9c-3f2a9c"
PASSWORD = "password-3f2a9c"
IN_EVENTS = "event-3f2a9c"
SECRETS = (TOKEN, PASSWORD, KEY_PASSWORD, IN_EVENTS)

CUSTOMER = {
    "type": "CUSTOMER", "verb": "NEW", "key": f"id-{IN_EVENTS}", "event_time": "2026-01-01T00:00:00Z",
    "last_name": IN_EVENTS, "adr_city": IN_EVENTS, "adr_state": IN_EVENTS,
}  # fmt: skip
ORDER = {
    "type": "ORDER", "verb": "NEW", "key": IN_EVENTS, "event_time": "2026-01-01T00:00:00Z",
    "customer_id": f"id-{IN_EVENTS}", "total_amount": "1.00 USD",
}  # fmt: skip
KEY = f"id-{IN_EVENTS}".encode()


def valid_events() -> list[Keyed]:
    """With the secret in every field that may have any text."""
    events = (CUSTOMER, ORDER, {**ORDER, IN_EVENTS: IN_EVENTS})
    return [(KEY, json.dumps(event).encode()) for event in events]


def invalid_events() -> list[Keyed]:
    """Of every kind, with the secret in each field, in the field's name, in the key."""
    broken: list[dict[str, Any]] = [{**ORDER, field: IN_EVENTS} for field in ORDER if field != "key"]
    broken += [{name: value for name, value in ORDER.items() if name != field} for field in ORDER]
    broken += [{**ORDER, field: {IN_EVENTS: [IN_EVENTS]}} for field in ORDER]
    rubbish = [IN_EVENTS.encode(), f'{{"{IN_EVENTS}'.encode(), f'"{IN_EVENTS}"'.encode(), b"\xff" + KEY, None]
    values = [*(json.dumps(event).encode() for event in broken), *rubbish]
    order = json.dumps(ORDER).encode()
    return [*((KEY, value) for value in values), (IN_EVENTS.encode(), order), (None, order)]


def assert_no_secret(text: str) -> None:
    assert text
    assert [secret for secret in SECRETS if secret in text] == []


def assert_no_secret_is_served(port: int) -> None:
    for path in ("/metrics", "/live", "/ready", "/nowhere", "/customers/x"):
        assert_no_secret(get(port, path)[1])


def assert_no_secret_in_the_process_list(instance: Instance) -> None:
    for process in [*instance.workers(), *psutil.Process().children(recursive=True)]:
        assert_no_secret(" ".join([process.name(), *process.cmdline()]))


@pytest.fixture(params=["in variables", "in files"])
def plant(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[str, str], None]:
    """Sets a secret's variable, or writes a file and sets the variable that names it."""

    def planted(variable: str, secret: str) -> None:
        if request.param == "in variables":
            monkeypatch.setenv(variable, secret)
            return
        path = tmp_path / variable.lower()
        path.write_text(f"{secret}\n")
        monkeypatch.setenv(f"{variable}_FILE", str(path))

    return planted


def test_what_a_consumer_says_and_serves_has_nothing_of_events_or_of_the_token(
    new_topic: NewTopic, new_application: NewApplication, plant: Callable[[str, str], None]
) -> None:
    plant(ACCESS_TOKEN_VARIABLE, TOKEN)
    invalid = invalid_events()
    application = new_application(new_topic([*valid_events(), *invalid]))
    port = free_ports_in_a_row(3)
    options = ("--workers", "2", "--metrics-port", str(port), "--max-dead-letter-ratio", "1")
    instance = application.start("one", *options, "--partitioner", "unchecked")
    wait_until(
        lambda: len(application.dead_letters()) == len(invalid), "dead letters", failing=instance.failing
    )
    wait_until(lambda: get(port, "/ready")[0] == 200, "ready", failing=instance.failing)
    for number in range(3):
        assert_no_secret_is_served(port + number)
    assert_no_secret_in_the_process_list(instance)
    ended = instance.stop()
    assert ended.code == 0
    assert_no_secret(ended.log)


@pytest.mark.parametrize("number", range(len(invalid_events())))
def test_an_error_that_stops_a_consumer_has_nothing_of_the_event(number: int) -> None:
    cluster = FakeCluster()
    cluster.events[0] = [invalid_events()[number]]
    with pytest.raises(Fatal) as stopped:
        Worker(cluster, max_dead_letters=0).run(0)
    assert_no_secret(str(stopped.value))


@pytest.mark.parametrize("where", ["nobody listens", "a plain listener"])
@pytest.mark.parametrize("command", ["consume --until-end --connect-timeout-s 1", "top", "customer x"])
def test_what_a_command_says_of_a_login_that_fails_has_no_password(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    plain: Plain,
    plant: Callable[[str, str], None],
    where: str,
    command: str,
) -> None:
    certificates = Certificates(tmp_path)
    server = plain.servers if where == "a plain listener" else f"127.0.0.1:{free_port()}"
    settings = {
        "BOOTSTRAP_SERVERS": server,
        "SECURITY_PROTOCOL": "SASL_SSL",
        "SASL_MECHANISM": "PLAIN",
        "SASL_USERNAME": "shop",
        "SSL_CERTFILE": certificates.client,
        "SSL_KEYFILE": certificates.encrypted_key,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"KAFKA_{name}", value)
    plant("KAFKA_SASL_PASSWORD", PASSWORD)
    plant("KAFKA_SSL_PASSWORD", KEY_PASSWORD)
    plant(ACCESS_TOKEN_VARIABLE, TOKEN)
    ended = run_ltv(*command.split())
    assert ended.returncode == 1
    assert_no_secret((ended.stdout + ended.stderr).decode())
