"""SASL_SSL with SCRAM-SHA-512 and ACLs: the rights in docs/operating.md are enough, and each of them is needed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    NewTopic,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialUpsertion,
)

from broker.embedded import EmbeddedBroker
from broker.properties import HOST
from broker.readiness import free_ports
from tests.certificates import Certificates
from tests.integration.application import DEADLINE_S, shop
from tests.waiting import wait_until

MECHANISM: Final = "SCRAM-SHA-512"
DOCUMENT: Final = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
KINDS: Final = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional id": ResourceType.TRANSACTIONAL_ID,
}
EVENTS: Final = 300


class Right(NamedTuple):
    """One operation on the resources of a name, or on those whose names begin with it."""

    kind: str
    name: str
    operation: str


def documented() -> dict[str, list[Right]]:
    """Who -> the rights in the document's table."""
    table = DOCUMENT.split("## Rights (ACLs)")[1].split("\n## ")[0]
    rows = re.findall(
        r"^\| (.+?) \| (topic|group|transactional id) `(.+?)` \| (.+?) \|$", table, re.MULTILINE
    )
    found: dict[str, list[Right]] = {}
    for who, kind, name, operations in rows:
        found.setdefault(who, []).extend(Right(kind, name, each) for each in operations.split(", "))
    return found


RIGHTS: Final = documented()
LATER: Final = (Right("topic", "EVENTS", "DescribeConfigs"), Right("topic", "PREFIX.*", "Delete"))
"""Needed for an event that is too large, and once a changelog is rewritten."""
PRODUCER, SUBSCRIBER, CONSUMER, STATUS, VERIFY, RESET, REDRIVE = RIGHTS


def name_of(right: Right, names: Mapping[str, str]) -> str:
    """The name of the right's resources, with the actual names for those of the document."""
    return re.sub("EVENTS|PREFIX|GROUP", lambda found: names[found[0]], right.name)


class Secured:
    """A broker that asks for a login, and its administrator."""

    def __init__(self, admin: Any, at: str, ca: str) -> None:
        self.admin, self.at, self._ca = admin, at, ca

    def allow(self, user: str, rights: Sequence[Right], names: Mapping[str, str]) -> None:
        """Give a user, who may be new, these rights and no others."""
        credentials = UserScramCredentialUpsertion(user, MECHANISM, f"secret of {user}")
        assert self.admin.alter_user_scram_credentials([credentials])[user] is None
        everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        old = ACLFilter(f"User:{user}", None, ACLOperation.ANY, ACLPermissionType.ANY, everything)
        self.admin.delete_acls([old])
        acls = [_acl(user, right, names) for right in rights]
        assert not self.admin.create_acls(acls)["failed"]
        wait_until(lambda: len(self.admin.describe_acls(old)[0]) == len(acls), "the ACLs")

    def run(self, user: str, *words: str, password: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `ltv` as a user."""
        login = {
            "BOOTSTRAP_SERVERS": self.at,
            "SECURITY_PROTOCOL": "SASL_SSL",
            "SASL_MECHANISM": MECHANISM,
            "SASL_USERNAME": user,
            "SASL_PASSWORD": password or f"secret of {user}",
            "SSL_CAFILE": self._ca,
        }
        environment = {**os.environ, **{f"KAFKA_{name}": value for name, value in login.items()}}
        return subprocess.run(
            [sys.executable, "-m", "ltv", *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )


def _acl(user: str, right: Right, names: Mapping[str, str]) -> ACL:
    name = name_of(right, names).removesuffix("*")
    pattern = ACLResourcePatternType.PREFIXED if right.name.endswith("*") else ACLResourcePatternType.LITERAL
    operation = ACLOperation[re.sub(r"(?<!^)(?=[A-Z])", "_", right.operation).upper()]
    resource = ResourcePattern(KINDS[right.kind], name, pattern)
    return ACL(f"User:{user}", "*", operation, ACLPermissionType.ALLOW, resource)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    port, login, controller = free_ports(3)
    advertised = f"PLAINTEXT://{HOST}:{port},LOGIN://{HOST}:{login}"
    settings = {
        "listeners": f"{advertised},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": advertised,
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,LOGIN:SASL_SSL",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
        "sasl.enabled.mechanisms": MECHANISM,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": certificates.broker_store,
        "listener.name.login.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
    }
    with (
        EmbeddedBroker(port=port, settings=settings) as broker,
        closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)) as admin,
    ):
        yield Secured(admin, f"{HOST}:{login}", certificates.ca)


class Shop:
    """An application on the broker: its names, and the commands of its users."""

    def __init__(self, secured: Secured, directory: Path) -> None:
        self.secured = secured
        mark = uuid4().hex[:8]
        self.names = {"EVENTS": f"events-{mark}", "PREFIX": f"app-{mark}", "GROUP": f"group-{mark}"}
        self._mark = mark
        self._file = directory / "events.ndjson"
        self._file.write_bytes(b"\n".join(value for _, value in shop(EVENTS, seed=3) if value))
        secured.admin.create_topics([NewTopic(self.names["EVENTS"], 2, 1)])
        secured.admin.wait_for_topics([self.names["EVENTS"]])

    def run(self, who: str, *, without: Right | None = None, password: str | None = None) -> Any:
        """Run the command of `who` with the documented rights, but one."""
        user = f"{'-'.join(re.findall(r'[a-z]+', who)[:2])}-{self._mark}"
        self.secured.allow(user, [right for right in RIGHTS[who] if right != without], self.names)
        return self.secured.run(user, *self._words(who), password=password)

    def _words(self, who: str) -> list[str]:
        events, prefix, group = self.names.values()
        of_events, of_prefix, of_group = ["--events-topic", events], ["--prefix", prefix], ["--group", group]
        return {
            PRODUCER: ["publish", str(self._file), *of_events],
            SUBSCRIBER: ["top", "--json", *of_prefix],
            CONSUMER: ["consume", "--until-end", *of_events, *of_prefix, *of_group],
            STATUS: ["status", *of_events, *of_prefix, *of_group],
            VERIFY: ["verify", *of_events, *of_prefix],
            RESET: ["reset", "--to-earliest", "--yes", *of_events, *of_prefix, *of_group],
            REDRIVE: ["dead-letters", "redrive", *of_prefix],
        }[who]


@pytest.fixture
def users(secured: Secured, tmp_path: Path) -> Shop:
    return Shop(secured, tmp_path)


def test_with_the_documented_rights_each_user_does_its_work(users: Shop) -> None:
    for who in (PRODUCER, CONSUMER, STATUS, VERIFY, RESET, CONSUMER, REDRIVE, SUBSCRIBER):
        ended = users.run(who)
        assert ended.stderr == "" or ended.returncode == 0, (who, ended.stderr)
        assert (ended.returncode == 1) is ("no consumer runs" in ended.stdout), (who, ended.stdout)
    assert json.loads(ended.stdout)["totals"]["events"] == EVENTS


def assert_one_line(ended: Any, *said: str) -> None:
    assert ended.returncode == 1, ended.stderr
    [*_, line] = ended.stderr.strip().splitlines()
    assert line.startswith("ltv: ")
    assert [each for each in said if each not in line] == [], line
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("who", [PRODUCER, SUBSCRIBER, CONSUMER])
def test_a_wrong_password_is_named_in_one_line(users: Shop, who: str) -> None:
    ended = users.run(who, password="wrong")
    assert_one_line(ended, "refuses the login", "KAFKA_SASL_PASSWORD")
    assert "wrong" not in ended.stderr


@pytest.mark.parametrize(
    ("who", "right"),
    [(who, right) for who in (PRODUCER, SUBSCRIBER, CONSUMER) for right in RIGHTS[who] if right not in LATER],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_right_that_is_missing_is_named_in_one_line(users: Shop, who: str, right: Right) -> None:
    before = {PRODUCER: (), SUBSCRIBER: (PRODUCER, CONSUMER), CONSUMER: (PRODUCER,)}[who]
    for each in before:
        assert users.run(each).returncode == 0
    name = name_of(right, users.names).removesuffix("*")
    assert_one_line(users.run(who, without=right), name, "ACLs")
