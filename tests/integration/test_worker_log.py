"""The log of a consumer off a terminal: JSON, one line for the start and for each change of a partition's state."""

import json
from typing import Any

from tests.integration.application import shop
from tests.integration.conftest import NewApplication, NewTopic
from tests.waiting import wait_until

LIFECYCLE = ("partition restoring", "partition running", "partition suspended", "partition gone")


def lines_of(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


def test_the_log_begins_with_who_starts_and_tells_what_becomes_of_each_partition(
    new_topic: NewTopic, new_application: NewApplication
) -> None:
    topic = new_topic(shop(100, seed=91), partitions=2)
    application = new_application(topic)
    first = application.start("one")
    application.wait_for_events(100, first)
    second = application.start("two")
    application.wait_for_members("one", "two")
    wait_until(lambda: '"ready"' in second.log, "the second is ready", failing=second.failing)
    wait_until(lambda: "partition gone" in first.log, "one partition less", failing=first.failing)
    assert second.stop().code == 0
    lines = lines_of(first.stop().log)

    started = lines[0]
    assert [line for line in lines if line["event"] == "started"] == [started]
    assert started["events_topic"] == topic
    assert (started["group"], started["instance"]) == (application.group, "one-0")
    assert (started["prefix"], started["partitioner"]) == (application.prefix, "murmur2")
    assert started.keys() >= {"version", "brokers", "core", "timestamp", "level"}
    assert {line["worker"] for line in lines} == {"one-0"}

    [created] = [line for line in lines if line["event"] == "topics created"]
    assert f"{application.prefix}.changelog" in created["topics"]

    changes = [line for line in lines if line["event"] in LIFECYCLE]
    assert all(isinstance(line["partition"], int) for line in changes)
    of_0 = [line["event"] for line in changes if line["partition"] == 0]
    assert of_0[:3] == ["partition restoring", "partition running", "partition suspended"]
    assert {line["event"] for line in changes} == set(LIFECYCLE)
