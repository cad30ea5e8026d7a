"""One customer on demand: from its owner, and without one from the changelog, with the same exact figures."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from broker.readiness import free_port, free_ports_in_a_row
from cluster.log_reader import LogReader
from cluster.settings import Cluster
from contract.access_token import ACCESS_TOKEN_VARIABLE, AccessToken
from contract.customers import CustomerDetail, StateUnavailable, UnknownCustomer
from contract.topics import Topics
from subscriber.customers import CustomerFinder
from subscriber.owners import Owners
from tests.integration.application import Application, Ended, Instance, Plain, shop, wait_until
from tests.integration.conftest import NewApplication, NewTopic

SECRET = "a-token-of-the-tests"
HOSTILE = '\x1b]0;x\x07<b>"\u202e/../?#%'


@pytest.fixture
def reader(kafka: str) -> Iterator[LogReader]:
    with LogReader(Cluster(bootstrap_servers=kafka)) as made:
        yield made


def finder(reader: LogReader, application: Application, token: str | None = None) -> CustomerFinder:
    return CustomerFinder(reader, Topics(prefix=application.prefix), AccessToken(token) if token else None)


def order(customer: str, order_id: str, amount: str, time: str, verb: str = "NEW") -> tuple[bytes, bytes]:
    event = {
        "type": "ORDER",
        "verb": verb,
        "key": order_id,
        "event_time": time,
        "customer_id": customer,
        "total_amount": f"{amount} USD",
    }
    return customer.encode(), json.dumps(event).encode()


def start_serving(application: Application, *arguments: str) -> Instance:
    """Start an instance whose workers serve HTTP."""
    return application.start("one", "--metrics-port", str(free_ports_in_a_row(3)), *arguments)


def wait_for_owner(reader: LogReader, application: Application, partitions: int = 3) -> None:
    """Wait until every partition's partial names an owner."""

    def named() -> bool:
        owners = Owners(reader, Topics(prefix=application.prefix))
        owners.catch_up(partitions)
        return sum(owner.owner is not None for owner in owners.known.values()) == partitions

    wait_until(named, "partials that name their owners")


def without_source(detail: CustomerDetail) -> dict[str, Any]:
    return {name: getattr(detail, name) for name in detail.__struct_fields__ if name != "source"}


def customer(plain: Plain, prefix: str, *arguments: str, **environment: str) -> Ended:
    """Run `ltv customer`."""
    done = subprocess.run(
        [sys.executable, "-m", "ltv", "customer", "--prefix", prefix, *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": plain.servers, **environment},
    )
    return Ended(done.returncode, done.stdout + done.stderr)


EVENTS = [
    order("a", "o1", "100.00", "2026-01-05T12:00:00Z"),
    order("a", "o2", "50.00", "2026-01-12T12:00:00Z"),
    order("a", "o1", "110.50", "2026-01-06T12:00:00Z", "UPDATE"),
    order(HOSTILE, HOSTILE, "1.00", "2026-01-05T12:00:00Z"),
]


def test_owner_and_changelog_say_the_same_of_every_ranked_customer_as_the_snapshot(
    plain: Plain, reader: LogReader, new_topic: NewTopic, new_application: NewApplication
) -> None:
    events = [*shop(600, seed=71), *EVENTS]
    application = new_application(new_topic(events))
    instance = start_serving(application, "--top", "50")
    application.wait_for_events(len(events), instance)
    wait_for_owner(reader, application)
    rows = application.snapshots()[-1]["rows"]
    finding = finder(reader, application)
    from_owner = [finding.find_customer(row["customer_id"]) for row in rows]
    assert {found.source for found in from_owner} == {"owner"}
    assert instance.stop().code == 0
    from_changelog = [finding.find_customer(row["customer_id"]) for row in rows]
    assert {found.source for found in from_changelog} == {"changelog"}
    for row, owner, changelog in zip(rows, from_owner, from_changelog, strict=True):
        assert without_source(owner) == without_source(changelog)
        for field in ("customer_id", "last_name", "ltv", "total_spend", "weeks", "orders", "visits"):
            assert getattr(owner, field) == row[field], (row["customer_id"], field)
        assert owner.weeks == len(owner.active_weeks)
        assert owner.orders == len(owner.order_list)


def test_the_version_of_an_order_that_counts_is_shown_newest_first(
    reader: LogReader, new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(EVENTS))
    application.backfill()
    found = finder(reader, application).find_customer("a")
    assert [(o.order_id, o.amount, o.event_time, o.verb) for o in found.order_list] == [
        ("o2", "50.00", "2026-01-12T12:00:00Z", "NEW"),
        ("o1", "110.50", "2026-01-06T12:00:00Z", "UPDATE"),
    ]
    assert (found.total_spend, found.ltv) == ("160.50", "41730.00")
    assert found.active_weeks == ["2026-01-04", "2026-01-11"]


def test_a_customer_without_events_is_unknown_to_owner_and_changelog(
    plain: Plain, reader: LogReader, new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(EVENTS))
    instance = start_serving(application)
    application.wait_for_events(len(EVENTS), instance)
    wait_for_owner(reader, application)
    with pytest.raises(UnknownCustomer, match="no customer 'nobody'") as to_owner:
        finder(reader, application).find_customer("nobody")
    instance.stop()
    with pytest.raises(UnknownCustomer) as to_changelog:
        finder(reader, application).find_customer("nobody")
    assert to_owner.value.looked_at == to_changelog.value.looked_at
    assert len(to_owner.value.looked_at) == 1


def test_where_the_partitioner_is_unchecked_every_partition_is_searched(
    reader: LogReader, new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(EVENTS))
    instance = start_serving(application, "--partitioner", "unchecked")
    application.wait_for_events(len(EVENTS), instance)
    wait_for_owner(reader, application)
    finding = finder(reader, application)
    assert finding.find_customer("a").source == "owner"
    with pytest.raises(UnknownCustomer) as to_owner:
        finding.find_customer("nobody")
    assert sorted(to_owner.value.looked_at) == [0, 1, 2]
    instance.stop()
    assert finding.find_customer("a").source == "changelog"
    with pytest.raises(UnknownCustomer) as to_changelog:
        finding.find_customer("nobody")
    assert to_owner.value.looked_at == to_changelog.value.looked_at


def test_each_of_several_workers_answers_for_its_own_partitions(
    reader: LogReader, new_topic: NewTopic, new_application: NewApplication
) -> None:
    events = shop(300, seed=72)
    application = new_application(new_topic(events))
    instance = start_serving(application, "--workers", "2", "--top", "50")
    application.wait_for_events(len(events), instance)
    rows = application.snapshots()[-1]["rows"]
    finding = finder(reader, application)

    def owners() -> set[str | None]:
        known = Owners(reader, Topics(prefix=application.prefix))
        known.catch_up(3)
        return {owner.owner for owner in known.known.values()}

    wait_until(lambda: len(owners()) == 2, "partials of two owners", failing=instance.failing)
    wait_until(
        lambda: {finding.find_customer(row["customer_id"]).source for row in rows} == {"owner"},
        "every customer is answered by an owner",
        failing=instance.failing,
    )
    found = [finding.find_customer(row["customer_id"]) for row in rows]
    assert len({each.partition for each in found}) == 3
    for row, each in zip(rows, found, strict=True):
        assert (each.customer_id, each.ltv) == (row["customer_id"], row["ltv"])


def test_an_owner_that_is_gone_or_was_replaced_is_not_believed(
    plain: Plain, reader: LogReader, new_topic: NewTopic, new_application: NewApplication
) -> None:
    """Another application's worker may listen at an address that partials still name."""
    port = str(free_port())
    gone, other = new_application(new_topic(EVENTS)), new_application(new_topic())
    instance = gone.start("one", "--metrics-port", port)
    gone.wait_for_events(len(EVENTS), instance)
    wait_for_owner(reader, gone)
    instance.stop()
    assert finder(reader, gone).find_customer("a").source == "changelog"
    other.start("one", "--metrics-port", port)
    wait_for_owner(reader, other)
    assert finder(reader, gone).find_customer("a").total_spend == "160.50"


def test_with_a_token_only_those_who_have_it_are_answered_by_the_owner(
    monkeypatch: pytest.MonkeyPatch, reader: LogReader, new_topic: NewTopic, new_application: NewApplication
) -> None:
    monkeypatch.setenv(ACCESS_TOKEN_VARIABLE, SECRET)
    application = new_application(new_topic(EVENTS))
    instance = start_serving(application)
    application.wait_for_events(len(EVENTS), instance)
    wait_for_owner(reader, application)
    assert finder(reader, application, SECRET).find_customer("a").source == "owner"
    assert finder(reader, application, "wrong").find_customer("a").source == "changelog"
    assert finder(reader, application).find_customer("a").source == "changelog"
    assert SECRET not in instance.stop().log


def test_without_a_consumer_there_is_no_state(
    plain: Plain, reader: LogReader, new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic())
    with pytest.raises(StateUnavailable, match="there is no topic"):
        finder(reader, application).find_customer("a")
    plain.create_topic(f"{application.prefix}.changelog", 3)
    with pytest.raises(StateUnavailable, match="no committed state yet"):
        finder(reader, application).find_customer("a")


def test_the_command_shows_a_customer_and_says_from_where(
    plain: Plain, new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(EVENTS))
    application.backfill()
    shown = customer(plain, application.prefix, "a")
    assert shown.code == 0, shown.log
    assert "160.50 / 2 weeks x 52 x 10 = 41,730.00 USD" in shown.log
    assert "from the changelog" in shown.log
    as_json = json.loads(customer(plain, application.prefix, "a", "--json").log)
    assert (as_json["source"], as_json["total_spend"]) == ("changelog", "160.50")
    hostile = customer(plain, application.prefix, "--", HOSTILE).log
    assert "\x1b" not in hostile
    assert "\u202e" not in hostile
    unknown = customer(plain, application.prefix, "nobody")
    assert (unknown.code, unknown.log.count("\n")) == (1, 1)
    assert unknown.last_line.startswith("ltv: no customer 'nobody'")
