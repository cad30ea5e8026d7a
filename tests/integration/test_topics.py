"""`ltv topics create` creates missing topics, compares existing ones, changes none, and may run twice at once."""

import json
import subprocess
import sys
from uuid import uuid4

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from contract.topics import Topics
from tests.integration.application import Plain

TIMEOUT_S = 120


@pytest.fixture
def topics() -> Topics:
    name = uuid4().hex[:8]
    return Topics(f"events-{name}", f"p-{name}")


def start(plain: Plain, topics: Topics, *arguments: str) -> subprocess.Popen[str]:
    names = ("--events-topic", topics.events, "--prefix", topics.prefix, "--bootstrap-servers", plain.servers)
    return subprocess.Popen(
        [sys.executable, "-m", "ltv", "topics", "create", *arguments, *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def create(plain: Plain, topics: Topics, *arguments: str) -> tuple[int, str, str]:
    with start(plain, topics, *arguments) as process:
        out, err = process.communicate(timeout=TIMEOUT_S)
    return process.returncode, out, err


def test_missing_topics_are_created_and_a_second_run_changes_nothing(plain: Plain, topics: Topics) -> None:
    status, out, err = create(plain, topics, "--partitions", "3")
    assert status == 0, err
    assert out.count("created") == 5
    assert len(plain.partitions(topics.events)) == len(plain.partitions(topics.changelog)) == 3
    assert len(plain.partitions(topics.snapshots)) == 1
    status, out, err = create(plain, topics, "--partitions", "3")
    assert status == 0, err
    assert out.count("exists already") == 5
    assert "should be" not in out


def test_a_script_gets_what_was_done_as_json(plain: Plain, topics: Topics) -> None:
    plain.create_topic(topics.changelog, 4, retention_ms="1000000")
    for words, fixed, created in ((("--fix",), True, True), ((), False, False)):
        status, out, err = create(plain, topics, "--json", *words)
        assert status == 0, err
        found = {each["topic"]: each for each in json.loads(out)["topics"]}
        assert len(found) == 5
        changelog, events = found[topics.changelog], found[topics.events]
        assert (changelog["created"], changelog["partitions"], changelog["fixed"]) == (False, 4, fixed)
        assert (changelog["settings"].get("retention.ms") == ["1000000", "-1"]) is fixed
        assert (events["created"], events["settings"], events["fixed"]) == (created, {}, False)


def test_a_setting_that_differs_is_named_and_not_changed(plain: Plain, topics: Topics) -> None:
    plain.create_topic(topics.changelog, 4, retention_ms="1000000")
    status, out, _ = create(plain, topics)
    assert status == 0
    assert "retention.ms is 1000000, should be -1" in out
    assert "retention.ms is 1000000, should be -1" in create(plain, topics)[1]


def test_the_events_topic_keeps_its_partitions_and_the_others_get_the_same_number(
    plain: Plain, topics: Topics
) -> None:
    plain.create_topic(topics.events, 2)
    status, out, err = create(plain, topics, "--partitions", "6")
    assert status == 0, err
    assert "the topic has 2 partitions, not 6" in out
    assert len(plain.partitions(topics.changelog)) == 2


def test_an_internal_topic_with_another_partition_count_is_refused_before_any_topic_is_created(
    plain: Plain, topics: Topics
) -> None:
    plain.create_topic(topics.changelog, 2)
    status, _, err = create(plain, topics)
    assert status == 1
    assert f"{topics.changelog} has 2 partitions and must have 4" in err
    assert not {topics.events, topics.snapshots} & set(plain.admin.list_topics())


def test_several_processes_may_create_the_topics_at_once(plain: Plain, topics: Topics) -> None:
    running = [start(plain, topics) for _ in range(3)]
    ended = [(process.communicate(timeout=TIMEOUT_S), process.returncode) for process in running]
    assert [status for _, status in ended] == [0, 0, 0], ended
    assert len(plain.partitions(topics.events)) == 4


def check(plain: Plain, topics: Topics, *arguments: str) -> subprocess.CompletedProcess[str]:
    names = ("--events-topic", topics.events, "--prefix", topics.prefix, "--bootstrap-servers", plain.servers)
    return subprocess.run(
        [sys.executable, "-m", "ltv", "topics", "check", *arguments, *names],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def test_a_check_creates_nothing_and_names_what_is_missing(plain: Plain, topics: Topics) -> None:
    ended = check(plain, topics)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.count("does not exist") == 5
    assert not plain.partitions(topics.events)
    assert create(plain, topics)[0] == 0
    ended = check(plain, topics, "--json")
    assert (ended.returncode, ended.stdout) == (0, '{"ok":true,"topics":[]}\n')


def test_fix_sets_own_topics_right_and_leaves_the_events_topic(plain: Plain, topics: Topics) -> None:
    plain.create_topic(topics.events, 4, cleanup_policy="compact")
    plain.create_topic(topics.changelog, 4, retention_ms="1000000", segment_ms="7777777")
    status, out, err = create(plain, topics, "--fix")
    assert status == 0, err
    assert "retention.ms was 1000000, is -1 now" in out
    assert "cleanup.policy is compact, should be delete" in out
    ended = check(plain, topics)
    assert (ended.returncode, ended.stdout.splitlines()) == (
        1,
        [f"topic {topics.events}: cleanup.policy is compact, should be delete"],
    )
    resource = ConfigResource(ConfigResourceType.TOPIC, topics.changelog)
    settings = plain.admin.describe_configs([resource], config_filter="all")["topic"][topics.changelog]
    assert settings["segment.ms"]["value"] == "7777777"
