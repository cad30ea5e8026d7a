"""A reset changes nothing if a consumer joins, or writes, after its records are written."""

from typing import Any

import pytest

from administration.reset import ResetPlan, reset
from contract.changelog import unpack
from contract.errors import Fatal
from contract.topics import Topics

TOPICS = Topics()
PLAN = ResetPlan(
    group="g",
    events_topic=TOPICS.events,
    changelog=TOPICS.changelog,
    positions={0: 5, 1: 7},
    counted=0,
    deleted_before=0,
    left_out=0,
    to_count=0,
)


class FakeBrokers:
    """The admin client, the log reader and the writer in one; notes what is done to the changelog."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.ends = {0: 10, 1: 20}
        self.joins_after_writing = False
        self.members: list[dict[str, Any]] = []

    def describe_groups(self, _groups: list[str]) -> dict[str, Any]:
        return {"g": {"group_state": "Stable", "members": self.members}}

    def delete_groups(self, groups: list[str]) -> dict[str, str]:
        return dict.fromkeys(groups, "OK")

    def describe_topics(self, names: list[str]) -> list[dict[str, Any]]:
        single = (TOPICS.partials, TOPICS.snapshots)
        return [{"name": n, "partitions": [{"leader_id": 1}] * (1 if n in single else 2)} for n in names]

    def delete_records(self, before: dict[Any, int]) -> None:
        self.done.append({tp.partition: offset for tp, offset in before.items()})

    def topic_id(self, _topic: str) -> str:
        return "id"

    def bounds(self, _topic: str, partitions: list[int]) -> dict[int, tuple[int, int]]:
        return {number: (0, self.ends[number]) for number in partitions}

    def begin(self) -> None:
        self.done.append("begin")

    def send(self, topic: str, partition: int, value: bytes | None, _key: bytes | None = None) -> Any:
        if topic != TOPICS.changelog:
            return None
        assert value
        position = unpack(value).position
        assert position
        self.done.append((partition, position.next_offset))
        if self.joins_after_writing:
            self.members = [
                {
                    "group_instance_id": "late",
                    "member_id": "m",
                    "client_host": "/h",
                    "member_assignment": None,
                }
            ]
        offset = self.ends[partition]
        self.ends[partition] += 1
        return offset

    def offset_of(self, sent: Any) -> int:
        return int(sent)

    def abort(self) -> None:
        self.done.append("abort")

    def commit_sent(self) -> None:
        self.done.append("commit")


WRITTEN = ["begin", (0, 5), (1, 7)]


def run(brokers: Any) -> None:
    reset(PLAN, brokers, brokers, TOPICS, 7.0, lambda: brokers)


def test_positions_are_committed_at_once_and_only_then_are_former_records_deleted() -> None:
    brokers = FakeBrokers()
    run(brokers)
    assert brokers.done == [*WRITTEN, "commit", {0: 10, 1: 20}]


def test_a_consumer_that_joins_while_the_records_are_written_makes_it_abort() -> None:
    brokers = FakeBrokers()
    brokers.joins_after_writing = True
    with pytest.raises(Fatal, match="has members: late on h"):
        run(brokers)
    assert brokers.done == [*WRITTEN, "abort"]


def test_a_record_behind_those_of_the_reset_makes_it_abort(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer has joined, written and left again: its state was that of before."""
    brokers = FakeBrokers()
    monkeypatch.setattr(brokers, "bounds", lambda *_: {0: (0, 11), 1: (0, 22)})
    with pytest.raises(Fatal, match=r"something wrote to ltv\.changelog"):
        run(brokers)
    assert brokers.done == [*WRITTEN, "abort"]
