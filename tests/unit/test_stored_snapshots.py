"""Snapshots that earlier versions of the program wrote can still be read, and keep what they say.

A change of the schema adds a file to tests/samples/snapshots; the files that are there never change.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from contract.snapshots import SCHEMA_VERSION, Snapshot, decode_snapshot

STORED = sorted((Path(__file__).parents[1] / "samples" / "snapshots").glob("*.json"))
NEWEST = json.loads((STORED[0].parent / f"version-{SCHEMA_VERSION}.json").read_bytes())
CHANGED_SINCE: dict[int, set[str]] = {1: {"partitions", "schema_version"}}
"""Schema version -> the fields of its snapshots that are read differently now."""


def fields(value: Any, path: str = "") -> set[str]:
    """The paths of all fields of a JSON value."""
    if isinstance(value, dict):
        return {f"{path}.{name}" for name in value} | {
            each for name, inner in value.items() for each in fields(inner, f"{path}.{name}")
        }
    return {each for inner in value for each in fields(inner, path)} if isinstance(value, list) else set()


def kept(read: Any, stored: Any) -> Any:
    """What was read, without the fields that were added since it was stored."""
    if isinstance(stored, dict):
        return {name: kept(read[name], value) for name, value in stored.items()}
    if isinstance(stored, list):
        return [kept(mine, theirs) for mine, theirs in zip(read, stored, strict=True)]
    return read


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_snapshot_is_read_with_all_that_it_says(path: Path) -> None:
    stored = json.loads(path.read_bytes())
    read = msgspec.to_builtins(decode_snapshot(path.read_bytes()))
    changed = CHANGED_SINCE.get(stored["schema_version"], set())
    for name in stored.keys() - changed - {"coverage"}:
        assert kept(read[name], stored[name]) == stored[name], name
    assert fields(stored.get("coverage", {})) <= fields(read["coverage"])


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_every_schema_version_has_a_stored_snapshot(version: int) -> None:
    versions = {json.loads(path.read_bytes())["schema_version"] for path in STORED}
    assert version in versions


def test_the_newest_stored_snapshot_has_every_field_of_the_schema() -> None:
    """If this fails, a field was added: store a snapshot that has it, beside the others."""
    read = decode_snapshot(json.dumps(NEWEST).encode())
    assert fields(NEWEST) == fields(msgspec.to_builtins(read))
    assert isinstance(read, Snapshot)


def test_the_coverage_of_version_1_is_not_known() -> None:
    read = decode_snapshot((STORED[0].parent / "version-1.json").read_bytes())
    assert (read.coverage.complete, read.coverage.behind_s, read.coverage.partitions) == (False, None, [])


def test_a_snapshot_with_a_field_nested_too_deeply_is_none() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        decode_snapshot(json.dumps(NEWEST).replace('"anna"', "[" * 2000).encode())
