"""A wrong set-up is refused within a minute: exit code 1, and one line that says what is wrong and what to do."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    NewPartitions,
    ResourcePatternType,
    ResourceType,
)

from broker.properties import HOST
from broker.readiness import free_ports
from tests.faults.brokers import one_node
from tests.faults.harness import Application, Process, application
from tests.faults.invariants import hold
from tests.faults.load import Sent
from tests.faults.test_input import order, send
from tests.faults.worker_port import WorkerPort
from tests.waiting import wait_until

REFUSED_WITHIN_S: Final = 60.0
USER: Final = "shop"
PASSWORD: Final = "secret"


def is_refused(process: Process, *words: str, within_s: float = REFUSED_WITHIN_S) -> None:
    """Check that the process exits with 1, and that its last line, an error message, has these words."""
    ended = process.wait(within_s)
    assert ended.code == 1, ended.log[-3000:]
    assert "Traceback" not in ended.log
    assert ended.last_line.startswith("ltv: ")
    for word in words:
        assert word in ended.last_line


def test_a_missing_events_topic_is_refused(app: Application) -> None:
    app.cluster.delete(app.events)
    is_refused(app.start(), app.events, "does not exist", "ltv topics create")


@pytest.mark.parametrize("option", ["--session-timeout-s", "--transaction-timeout-s"])
def test_a_timeout_beyond_what_the_brokers_allow_is_refused(app: Application, option: str) -> None:
    refused = app.start("one", option, "3500")
    is_refused(refused, option)
    assert "waiting for the cluster" not in refused.log


def test_a_group_that_another_application_uses_is_refused(app: Application) -> None:
    other = Consumer(
        {
            "bootstrap.servers": app.cluster.servers,
            "group.id": app.group,
            "partition.assignment.strategy": "roundrobin",  # Not ltv's.
        }
    )
    other.subscribe([app.events])

    def is_assigned() -> bool:
        other.poll(0.1)
        return bool(other.assignment())

    try:
        wait_until(is_assigned, "the other's assignment")
        is_refused(app.start(), "--group")
    finally:
        other.close()


@pytest.mark.faults_full
def test_an_events_topic_recreated_under_a_running_consumer_is_refused(app: Application) -> None:
    app.load.send(2_000)
    running = app.start()
    app.wait_for(2_000, running)
    app.cluster.delete(app.events)
    app.cluster.create(app.events, 4)
    is_refused(running, app.events, "recreated", "--prefix")
    is_refused(app.start(), app.events, "recreated", "--prefix")


def test_an_events_topic_deleted_under_a_running_consumer_makes_it_unready_and_then_ends_it(
    app: Application,
) -> None:
    app.load.send(2_000)
    port = WorkerPort()
    running = app.start("one", *port.options)
    app.wait_for(2_000, running)
    wait_until(port.is_ready, "ready", failing=running.ended)
    app.cluster.delete(app.events)
    wait_until(lambda: not port.is_ready(), "not ready")
    is_refused(running, app.events)


def test_an_events_topic_recreated_and_filled_further_than_before_is_refused(app: Application) -> None:
    app.load.send(1_000)
    app.catch_up()
    app.cluster.delete(app.events)
    app.cluster.create(app.events, 4)
    again = [Sent(f"c{i}".encode(), order(i, customer_id=f"c{i}")) for i in range(5_000)]
    send(app.cluster.servers, app.events, again)
    is_refused(app.start(), app.events, "recreated", "--prefix")


@pytest.mark.faults_full
def test_partitions_added_under_a_running_consumer_are_refused(app: Application) -> None:
    app.load.send(1_000)
    running = app.start()
    app.wait_for(1_000, running)
    app.cluster.admin.create_partitions([NewPartitions(app.events, 6)])[app.events].result(30)
    is_refused(running, "4 partitions", "6", "--prefix")
    is_refused(app.start(), "4 partitions", "6", "--prefix")


@pytest.mark.faults_full
def test_a_changelog_with_another_partition_count_is_refused(app: Application) -> None:
    app.cluster.create(app.topic("changelog"), 3)
    is_refused(app.start(), app.topic("changelog"), "3 partitions", "4", "--prefix")


def test_rows_of_a_newer_format_are_refused(app: Application) -> None:
    app.load.send(1_000)
    app.catch_up()
    newer = json.dumps({"v": 99, "whole": False, "rows": [], "position": None}).encode()
    send(app.cluster.servers, app.topic("changelog"), [Sent(b"", newer)])
    is_refused(app.start(), app.topic("changelog"), "format 99", "newer")


@pytest.mark.faults_full
def test_a_foreign_record_in_the_changelog_is_refused(app: Application) -> None:
    app.load.send(1_000)
    app.catch_up()
    send(app.cluster.servers, app.topic("changelog"), [Sent(b"", b"hello")])
    is_refused(app.start(), app.topic("changelog"), "not a changelog record")


@pytest.mark.faults_full
def test_a_second_application_with_the_same_prefix_is_refused_and_the_first_goes_on(app: Application) -> None:
    app.load.send(1_000)
    first = app.start("one")
    app.wait_for(1_000, first)
    is_refused(app.start("other", "--group", "another"), "another", "--prefix")
    app.load.send(1_000)
    app.wait_for(2_000, first)
    hold(app)


def test_two_applications_started_at_once_with_the_same_prefix_are_both_refused(app: Application) -> None:
    app.load.send(1_000)
    stop = {"LTV_TEST_FAULT_AT": "send:1:SIGSTOP"}
    both = [app.start("one", **stop), app.start("other", "--group", "another", **stop)]
    for each in both:
        wait_until(each.is_stopped, "restored, with nothing written yet", failing=each.ended)
    for each in both:
        each.send(signal.SIGCONT)
    for each in both:
        is_refused(each, "--prefix")


@pytest.fixture(scope="module")
def guarded() -> Iterator[tuple[str, str]]:
    """A broker's address for its administrator, and its address where users need a login and permissions."""
    port, guarded_port, controller = free_ports(3)
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    settings = {
        "listeners": f"PLAINTEXT://{HOST}:{port},SASL://{HOST}:{guarded_port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port},SASL://{HOST}:{guarded_port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": f'{module} required user_{USER}="{PASSWORD}";',
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    with one_node(settings, port=port) as broker:
        yield broker.bootstrap_servers, f"{HOST}:{guarded_port}"


@pytest.fixture
def guarded_app(guarded: tuple[str, str], tmp_path: Path, seed: int) -> Iterator[Application]:
    """An application whose consumer logs in as USER, who has all permissions but those that a test denies."""
    with application(guarded[0], tmp_path, seed, through=guarded[1]) as made:
        for kind in (
            ResourceType.TOPIC,
            ResourceType.GROUP,
            ResourceType.TRANSACTIONAL_ID,
            ResourceType.BROKER,
        ):
            allow(made, kind, "kafka-cluster" if kind == ResourceType.BROKER else "*", AclOperation.ALL)
        yield made


def allow(
    app: Application,
    kind: ResourceType,
    name: str,
    operation: AclOperation,
    permission: AclPermissionType = AclPermissionType.ALLOW,
) -> None:
    binding = AclBinding(kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation, permission)
    for done in app.cluster.admin.create_acls([binding]).values():
        done.result(30)


def login(password: str = PASSWORD, protocol: str = "SASL_PLAINTEXT") -> dict[str, str]:
    return {
        "KAFKA_SECURITY_PROTOCOL": protocol,
        "KAFKA_SASL_MECHANISM": "PLAIN",
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD": password,
    }


def test_with_the_right_password_and_permissions_it_works(guarded_app: Application) -> None:
    guarded_app.load.send(1_000)
    ended = guarded_app.start("one", "--until-end", **login()).wait()
    assert ended.code == 0, ended.log
    guarded_app.wait_for(1_000)


def test_a_wrong_password_is_refused(guarded_app: Application) -> None:
    is_refused(guarded_app.start(**login("wrong")), "KAFKA_SASL")


@pytest.mark.parametrize(
    ("kind", "name", "operation"),
    [
        (ResourceType.TOPIC, "changelog", AclOperation.WRITE),
        *(
            pytest.param(*right, marks=pytest.mark.faults_full)
            for right in (
                (ResourceType.TOPIC, "events", AclOperation.READ),
                (ResourceType.TOPIC, "partials", AclOperation.READ),
                (ResourceType.GROUP, "group", AclOperation.READ),
                (ResourceType.TRANSACTIONAL_ID, "id", AclOperation.WRITE),
            )
        ),
    ],
    ids=str,
)
def test_a_missing_permission_is_refused(
    guarded_app: Application, kind: ResourceType, name: str, operation: AclOperation
) -> None:
    app = guarded_app
    names = {"events": app.events, "group": app.group, "id": f"{app.prefix}-one-0"}
    denied = names.get(name, app.topic(name))
    allow(app, kind, denied, operation, AclPermissionType.DENY)
    app.load.send(1_000)
    try:
        is_refused(app.start(**login()), "uthoriz", "ACL")
    finally:
        allow_again(app, kind, denied, operation)


def allow_again(app: Application, kind: ResourceType, name: str, operation: AclOperation) -> None:
    """Remove the denial."""
    denial = AclBindingFilter(
        kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation, AclPermissionType.DENY
    )
    for done in app.cluster.admin.delete_acls([denial]).values():
        done.result(30)


def test_tls_to_a_plain_port_is_refused(app: Application) -> None:
    is_refused(app.start(KAFKA_SECURITY_PROTOCOL="SSL"), "TLS", "KAFKA_SECURITY_PROTOCOL")


def test_a_login_where_none_is_asked_for_is_refused(app: Application) -> None:
    is_refused(app.start("one", **login()), "asks for no login", "KAFKA_SECURITY_PROTOCOL")


def test_no_login_where_one_is_asked_for_is_refused(guarded_app: Application) -> None:
    is_refused(guarded_app.start(), "KAFKA_SECURITY_PROTOCOL")
