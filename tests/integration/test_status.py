"""`ltv status` on a real Kafka: healthy with exit code 0, everything else with 1 and the cause."""

import json
from typing import Any
from uuid import uuid4

from broker.readiness import free_port
from tests.integration.application import Application, shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.waiting import wait_until


def status_of(application: Application, code: int) -> Any:
    ended = application.run_command("status", "--json")
    assert ended.returncode == code, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def test_a_running_consumer_is_healthy_and_its_lag_is_0_behind_markers(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    records = [*shop(300, seed=81), (b"c1", b"rubbish")]
    application = new_application(new_topic(records, partitions=2))
    instance = application.start("one", "--metrics-port", str(free_port()))
    application.wait_for_events(len(records), instance)
    wait_until(
        lambda: application.run_command("status").returncode == 0,
        "a healthy consumer",
        failing=instance.failing,
        state=lambda: application.run_command("status").stdout,
    )
    found = status_of(application, 0)
    assert found["problems"] == []
    assert [(each["owner"], each["lag_records"]) for each in found["partitions"]] == [("one-0", 0)] * 2
    assert [each["lifecycle"] for each in found["partitions"]] == ["running"] * 2
    assert found["snapshot"]["complete"]
    assert found["dead_letters"] == {"undecodable": 1}
    assert found["topics"] == []
    assert 0 <= found["newest_event_age_s"] < 3_600
    shown = application.run_command("status").stdout
    assert shown.startswith("healthy\n")
    assert "undecodable" in shown


def test_a_stopped_consumer_with_new_events_is_not_healthy_and_says_how_far_behind(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(100, seed=82), partitions=1))
    application.backfill()
    application.plain.send(application.events, shop(20, seed=83))
    found = status_of(application, 1)
    assert found["problems"][0].startswith("no consumer runs")
    [partition] = found["partitions"]
    assert (partition["owner"], partition["lifecycle"], partition["lag_records"]) == (None, None, 20)
    assert partition["behind_s"] > 0


def test_an_application_that_does_not_exist_is_told_so_without_a_traceback(
    new_application: NewApplication,
) -> None:
    application = new_application(f"no-topic-{uuid4().hex[:6]}")
    found = status_of(application, 1)
    assert f"the topic {application.events} does not exist" in found["problems"]
    assert found["snapshot"] is None
    assert application.run_command("status").stderr == ""


def test_without_the_events_topic_no_other_topic_is_wrong(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(10, seed=85), partitions=3))
    application.backfill()
    application.plain.admin.delete_topics([application.events])
    found = status_of(application, 1)
    assert [each["topic"] for each in found["topics"]] == [application.events]


def test_records_behind_an_open_transaction_are_shown(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    application = new_application(new_topic(shop(10, seed=86), partitions=1))
    application.backfill()
    with application.plain.open_transaction(application.events, shop(5, seed=87)):
        [partition] = status_of(application, 1)["partitions"]
        assert partition["held_back_records"] == 5
        assert "5 records behind an open transaction" in application.run_command("status").stdout


def test_a_topic_with_another_setting_is_shown(new_topic: NewTopic, new_application: NewApplication) -> None:
    application = new_application(new_topic(shop(10, seed=84), partitions=1))
    application.plain.create_topic(f"{application.prefix}.partials", 1, cleanup_policy="delete")
    found = status_of(application, 1)
    differing = {each["topic"]: each["settings"] for each in found["topics"]}
    assert differing[f"{application.prefix}.partials"]["cleanup.policy"] == ["delete", "compact"]
