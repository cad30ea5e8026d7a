"""Names that Kafka does not allow are refused before any connection, by every command that takes one."""

import pytest

from contract.errors import Fatal
from contract.topics import MAX_TOPIC_CHARS, Topics
from tests.commands.test_cli import run_ltv

IMPOSSIBLE = ["", ".", "..", "my app", "a/b", "é", "a\nb", "a\n", "x" * (MAX_TOPIC_CHARS + 1)]


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_name_is_refused_in_one_line_that_names_the_option(name: str) -> None:
    for option, names in (("--events-topic", Topics), ("--prefix", lambda name: Topics(prefix=name))):
        with pytest.raises(Fatal, match=f"^{option} ") as refused:
            names(name)
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 200


def test_a_prefix_leaves_room_for_the_rest_of_the_names() -> None:
    longest = "x" * (MAX_TOPIC_CHARS - len(".dead-letters"))
    assert len(Topics(prefix=longest).dead_letters) == MAX_TOPIC_CHARS
    with pytest.raises(Fatal, match=f"at most {len(longest)}"):
        Topics(prefix=longest + "x")


@pytest.mark.parametrize("own", ["changelog", "partials", "snapshots", "dead-letters"])
def test_the_events_topic_cannot_be_one_of_the_applications_own(own: str) -> None:
    with pytest.raises(Fatal, match="writes this topic itself"):
        Topics(f"shop.{own}", "shop")
    assert Topics(f"shop.{own}", "other").events == f"shop.{own}"


@pytest.mark.parametrize(
    "command",
    [
        ["consume", "--prefix"],
        ["consume", "--events-topic"],
        ["topics", "create", "--prefix"],
        ["topics", "create", "--events-topic"],
        ["top", "--prefix"],
        ["dead-letters", "list", "--prefix"],
        ["publish", "/dev/null", "--events-topic"],
        ["produce", "--events-topic"],
    ],
    ids=" ".join,
)
def test_every_command_refuses_an_impossible_name_without_a_broker(command: list[str]) -> None:
    result = run_ltv(*command, "my app", "--bootstrap-servers", "127.0.0.1:1")
    assert result.returncode == 1
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"ltv: {command[-1]} 'my app': ")


@pytest.mark.parametrize("option", ["--group", "--instance-id"])
def test_an_empty_name_in_the_group_is_refused(option: str) -> None:
    result = run_ltv("consume", option, "")
    assert result.returncode == 1
    assert result.stderr.decode().startswith(f"ltv: {option} is empty: ")
