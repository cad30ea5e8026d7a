"""The five invariants that must hold after every fault; `hold` checks them.

1. The final snapshot equals the oracle's over the committed events, to the cent, with counts.
2. Events on the topic = events ingested + dead letters, by partition and offset: none missing, none twice.
3. Snapshots: sequence grows by one without gaps or repeats, totals never go back.
4. A restart restores the same state.
5. No process hangs: every wait in these tests has a deadline, and a process ends only as the test expects.
"""

import json
from collections import Counter
from datetime import datetime
from hashlib import sha256
from typing import Any

from tests.faults import oracle
from tests.faults.harness import TOP, Application
from tests.faults.load import RUBBISH
from tests.faults.topics import Record

PER_RUN = {"schema_version", "sequence", "emitted_at", "coverage"}
"""What a snapshot says about itself."""
MAX_KEY_BYTES, MAX_VALUE_BYTES = 65_536, 1_000_000
"""A dead letter has no more of its record's key and value."""
RECORDS = "ltv.records"
"""On a dead letter that stands for a batch: for how many records."""


def hold(application: Application, *, basis: str = "active", events: list[Record] | None = None) -> None:
    """Stop all processes, check invariants 1 to 3, restart, and check 1 to 4.

    Args:
        application: its consumers have caught up.
        basis: of the snapshots.
        events: the records on the events topic; None: they are read from it.
    """
    application.stop_all()
    events = application.events_on_topic() if events is None else events
    before = _check(application, events, basis)
    ended = application.start("restarted", "--until-end", "--basis", basis).wait()
    assert ended.code == 0, ended.log[-3000:]
    after = _check(application, events, basis)
    assert after["sequence"] > before["sequence"]
    assert _state(after) == _state(before), "invariant 4: the restart came to another state"


def hold_for_now(application: Application, *, basis: str = "active") -> None:
    """Check invariants 1 to 3 while the consumers run; they have caught up, and no event is sent."""
    _check(application, application.events_on_topic(), basis)


def _check(application: Application, events: list[Record], basis: str) -> dict[str, Any]:
    snapshots = [
        json.loads(record.value or b"") for record in application.cluster.read(application.topic("snapshots"))
    ]
    snapshot_is_exact(snapshots[-1], events, basis)
    every_event_is_accounted_for(application, events)
    series_is_whole(snapshots)
    return dict(snapshots[-1])


def snapshot_is_exact(snapshot: dict[str, Any], events: list[Record], basis: str) -> None:
    """Check invariant 1."""
    expected = oracle.snapshot(events, TOP, basis)
    assert snapshot["coverage"]["complete"], (
        f"invariant 1: the snapshot is not complete: {snapshot['coverage']}"
    )
    found = {name: snapshot[name] for name in expected}
    for name in ("event_time_min", "event_time_max"):
        found[name] = _naive(found[name])
    assert found["totals"] == expected["totals"], "invariant 1: totals differ"
    for row, expected_row in zip(found["rows"], expected["rows"], strict=True):
        assert {name: row[name] for name in expected_row} == expected_row, "invariant 1: a row differs"
    assert {**found, "rows": []} == {**expected, "rows": []}, "invariant 1: the time frame differs"


def every_event_is_accounted_for(application: Application, events: list[Record]) -> None:
    """Check invariant 2. (Visits count every record, and the snapshot has all customers: so 1 is by record, too.)"""
    rubbish = {(each.partition, each.offset): each for each in events if RUBBISH in each.headers}
    letters = application.cluster.read(application.topic("dead-letters"))
    set_aside = Counter(place for letter in letters for place in _places(letter))
    missing, surplus = Counter(list(rubbish)) - set_aside, set_aside - Counter(list(rubbish))
    assert not missing, f"invariant 2: {len(missing)} without a dead letter, such as {min(missing)}"
    assert not surplus, (
        f"invariant 2: {len(surplus)} with a wrong or second dead letter, such as {min(surplus)}"
    )
    for letter in letters:
        origin = _origin(letter)
        if RECORDS not in letter.headers:
            assert _is_letter_of(letter, rubbish[origin]), (
                f"invariant 2: the dead letter of {origin} differs from it"
            )
    of_partition = {
        int(record.key or b""): json.loads(record.value or b"")
        for record in sorted(
            application.cluster.read(application.topic("partials")), key=lambda each: each.offset
        )
        if record.key != b"series"
    }
    on_topic = Counter(record.partition for record in events)
    dead = Counter(partition for partition, _ in rubbish)
    for number, partial in of_partition.items():
        counted = partial["events"], partial["dead_letters"]
        assert counted == (on_topic[number] - dead[number], dead[number]), f"invariant 2: partition {number}"
    assert set(on_topic) <= set(of_partition), "invariant 2: a partition was not read"


def _origin(letter: Record) -> tuple[int, int]:
    return int(letter.headers["ltv.partition"]), int(letter.headers["ltv.offset"])


def _places(letter: Record) -> list[tuple[int, int]]:
    """The records for which this dead letter stands: one, or all of a batch that was too large to read."""
    partition, offset = _origin(letter)
    return [(partition, offset + i) for i in range(int(letter.headers.get(RECORDS, b"1")))]


def _is_letter_of(letter: Record, record: Record) -> bool:
    """Whether a dead letter has the key and the value of its record, or says how they are cut."""
    return _is_kept(letter.key, record.key, MAX_KEY_BYTES, letter, "ltv.key-") and _is_kept(
        letter.value, record.value, MAX_VALUE_BYTES, letter, "ltv."
    )


def _is_kept(found: bytes | None, sent: bytes | None, limit: int, letter: Record, prefix: str) -> bool:
    """Whether a field is as it was sent; if too long, its first bytes, with the length and digest of all."""
    length, digest = (letter.headers.get(f"{prefix}{name}") for name in ("truncated-from", "sha256"))
    if sent is None or len(sent) <= limit:
        return (found, length, digest) == (sent, None, None)
    whole = str(len(sent)).encode(), sha256(sent).hexdigest().encode()
    return (found, length, digest) == (sent[:limit], *whole)


def series_is_whole(snapshots: list[dict[str, Any]]) -> None:
    """Check invariant 3."""
    assert [snapshot["sequence"] for snapshot in snapshots] == list(range(1, len(snapshots) + 1)), (
        "invariant 3: sequences"
    )
    for name in ("events", "dead_letters", "customers", "orders"):
        counts = [snapshot["totals"][name] for snapshot in snapshots]
        assert counts == sorted(counts), f"invariant 3: {name} went back"


def _state(snapshot: dict[str, Any]) -> dict[str, Any]:
    about = {name: value for name, value in snapshot.items() if name not in PER_RUN}
    about["rows"] = [{**row, "previous_rank": None} for row in about["rows"]]
    return about


def _naive(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None
