"""The simulated shop: the same seed gives the same bytes, and its events have the shares and properties asked for."""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import count, islice, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from contract.decode import decode_event
from contract.errors import InvalidEvent
from contract.events import REASONS
from files.format import read_events
from ltv import cli
from producer.delivery import MAX_LAG, Faults, generated, live
from producer.people import LAST_NAMES
from producer.rubbish import Place, rubbish
from producer.seasons import time_text, times
from producer.shop import Shop, ShopEvent, default_customers, joins

ALL_FAULTS = Faults(disorder=0.2, duplicates=0.05, rubbish=0.1)


def generate(*args: str | int | float | Path) -> Result:
    return CliRunner().invoke(cli.app, ["generate", *map(str, args)])


def values(events: Iterable[ShopEvent]) -> list[bytes]:
    return [event.value for event in events]


def decoded(events: Iterable[ShopEvent]) -> list[dict[str, Any]]:
    return [json.loads(event.value) for event in events]


def reason(value: bytes) -> str | None:
    try:
        decode_event(value)
    except InvalidEvent as error:
        return error.reason
    return None


# --- the same seed, the same bytes


def test_the_same_seed_gives_the_same_events() -> None:
    assert values(generated(5_000, 7, faults=ALL_FAULTS)) == values(generated(5_000, 7, faults=ALL_FAULTS))


def test_another_seed_gives_another_shop() -> None:
    assert not set(values(generated(1_000, 0))) & set(values(generated(1_000, 1)))


def test_neither_process_nor_hash_seed_nor_python_nor_machine_changes_a_byte() -> None:
    """If you change the shop on purpose, enter the new digest here."""
    command = [sys.executable, "-m", "ltv", "generate", "5000", "--seed", "7"]
    command += ["--disorder", "0.2", "--duplicates", "0.05", "--rubbish", "0.1", "-o", "-"]
    digests = {
        hashlib.sha256(
            subprocess.run(
                command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
            ).stdout
        ).hexdigest()
        for seed in ("0", "1", "random")
    }
    assert digests == {"d55a3ace7ed44fca345f3f912736a0f7a0856aa37987ce6ded86d66104365ed0"}


def test_the_shares_of_faults_do_not_change_the_shop() -> None:
    """They change only how many events are the shop's own, and with it their times and when customers join."""
    calm = values(generated(900, 3, customers=10))
    rough = [e.value for e in generated(1_000, 3, customers=10, faults=Faults(rubbish=0.1)) if e.valid]
    late = values(generated(900, 3, customers=10, faults=Faults(disorder=0.5)))
    assert calm == rough
    assert calm != late
    assert sorted(calm) == sorted(late)


# --- valid and invalid


def test_events_marked_valid_are_valid_and_the_others_are_invalid() -> None:
    for event in generated(20_000, 1, faults=ALL_FAULTS):
        assert (reason(event.value) is None) == event.valid


def test_the_customer_of_a_valid_event_is_the_one_in_it() -> None:
    for event in generated(5_000, 1):
        assert decode_event(event.value).customer_id == event.customer_id


def test_every_type_and_verb_occurs() -> None:
    kinds = {(event["type"], event["verb"]) for event in decoded(generated(2_000))}
    assert kinds == {
        *(("CUSTOMER", "NEW"), ("CUSTOMER", "UPDATE"), ("ORDER", "NEW"), ("ORDER", "UPDATE")),
        *(("SITE_VISIT", "NEW"), ("IMAGE", "UPLOAD")),
    }


def some_rubbish(place: Place) -> Iterator[bytes]:
    random = Random(1)
    return (rubbish(random, "c", "2025-06-01T12:00:00.000Z", place).value for _ in range(5_000))


def test_live_rubbish_has_every_reason_but_the_wrong_key() -> None:
    assert {reason(value) for value in some_rubbish("record")} == REASONS.keys() - {
        "wrong_key",
        "wrong_partition",
    }


def test_rubbish_in_lines_has_every_reason_that_a_line_can_have() -> None:
    """An empty line is not an event."""
    found = list(some_rubbish("line"))
    assert {reason(value) for value in found} == REASONS.keys() - {"wrong_key", "wrong_partition", "empty"}
    assert not [value for value in found if b"\n" in value or value != value.strip() or value[:1] == b"["]


def test_rubbish_in_lines_includes_invalid_utf_8_truncated_json_and_wrong_types() -> None:
    found = list(some_rubbish("line"))
    assert any(b"\xd8deg\xe5rd" in value for value in found)
    assert any(value.startswith(b'{"type"') and not value.endswith(b"}") for value in found)
    assert any(b'"total_amount":12.34}' in value for value in found)


def test_rubbish_in_an_array_is_json() -> None:
    assert all(json.loads(value) != [] for value in some_rubbish("element"))


# --- shares


@pytest.mark.parametrize(
    "faults",
    [Faults(rubbish=0.013), Faults(rubbish=1), Faults(duplicates=0.5), Faults(disorder=0.9), ALL_FAULTS],
)
@pytest.mark.parametrize("n", [0, 1, 2, 10, 999, 5_000])
def test_there_are_exactly_as_many_deliveries_and_invalid_ones_as_asked_for(n: int, faults: Faults) -> None:
    events = list(generated(n, faults=faults))
    assert len(events) == n
    assert sum(not event.valid for event in events) == round(n * faults.rubbish)


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5])
def test_duplicates_are_the_share_of_events_with_bytes_delivered_before(share: float) -> None:
    found = values(generated(10_000, faults=Faults(duplicates=share)))
    assert len(found) - len(set(found)) == round(10_000 * share)
    assert max(Counter(found).values()) == 2


def test_a_duplicate_comes_at_most_max_lag_events_later() -> None:
    first: dict[bytes, int] = {}
    lags = []
    number = 0
    for value in values(generated(10_000, faults=Faults(duplicates=0.1))):
        if value in first:
            lags.append(number - first[value] - 1)
        else:
            first[value] = number
            number += 1
    assert min(lags) == 1
    assert MAX_LAG // 2 < max(lags) <= MAX_LAG


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_disorder_is_the_share_of_events_that_come_after_a_younger_one(share: float) -> None:
    newest = ""
    late = 0
    for event in decoded(generated(10_000, faults=Faults(disorder=share))):
        late += event["event_time"] < newest
        newest = max(newest, event["event_time"])
    assert late == pytest.approx(share * 10_000, rel=0.01)


def test_without_disorder_events_come_in_the_order_of_their_times() -> None:
    assert all(a["event_time"] <= b["event_time"] for a, b in pairwise(decoded(generated(20_000))))


@pytest.mark.parametrize(
    "shares",
    [
        {"disorder": 0.95},
        {"rubbish": -0.1},
        {"rubbish": 1.1},
        {"duplicates": 0.6},
        {"duplicates": 0.3, "rubbish": 0.5},
    ],
)
def test_shares_that_cannot_be_combined_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"disorder must be|must be at most 1"):
        Faults(**shares)


# --- customers and orders


@pytest.mark.parametrize(
    ("events", "customers"), [(0, 10), (1, 10), (999, 10), (1_100, 11), (100_000, 1_000)]
)
def test_there_is_one_customer_per_hundred_events_and_at_least_ten(events: int, customers: int) -> None:
    assert default_customers(events) == customers


@pytest.mark.parametrize(
    ("events", "given", "customers"),
    [
        (3_000, None, 30),
        (200, None, 10),
        (10, None, 10),
        (4, None, 4),
        (1_000, 1, 1),
        (1_000, 3, 3),
        (1_000, 200, 200),
        (1_000, 201, 201),
        (1_000, 999, 999),
        (100, 5_000, 100),
    ],
)
def test_every_customer_is_in_the_file_unless_there_are_fewer_events(
    events: int, given: int | None, customers: int
) -> None:
    assert len({event.customer_id for event in generated(events, customers=given)}) == customers


@pytest.mark.parametrize(("customers", "events"), [(10, 1_000), (200, 1_000), (201, 1_000), (3, 20), (7, 7)])
def test_customers_join_one_at_a_time_and_before_the_events_end(customers: int, events: int) -> None:
    at = list(joins(customers, events))
    assert at[0] == 0
    assert all(a < b for a, b in pairwise(at))
    assert at[-1] < events


def test_a_customer_begins_with_new() -> None:
    seen: set[str] = set()
    for event in generated(3_000, 5):
        verb = json.loads(event.value)["verb"] if b'"type":"CUSTOMER"' in event.value else ""
        assert (verb == "NEW") == (event.customer_id not in seen)
        seen.add(event.customer_id)


def test_an_update_changes_an_earlier_order_of_the_same_customer() -> None:
    made: dict[str, tuple[str, str]] = {}
    updates: Counter[str] = Counter()
    for event in decoded(generated(20_000, 2)):
        if event["type"] == "ORDER" and event["verb"] == "NEW":
            assert event["key"] not in made
            made[event["key"]] = (event["customer_id"], event["event_time"])
        elif event["type"] == "ORDER":
            customer, at = made[event["key"]]
            assert customer == event["customer_id"]
            assert at < event["event_time"]
            updates[event["key"]] += 1
    assert {1, 2, 3} <= set(updates.values())


def test_orders_changes_and_visits_have_likely_shares() -> None:
    kinds = Counter(
        event["type"] + " " + event["verb"]
        for event in decoded(generated(50_000))
        if event["type"] != "CUSTOMER"
    )
    shares = {kind: times / 50_000 for kind, times in kinds.items()}
    assert 0.6 < shares["SITE_VISIT NEW"] < 0.9
    assert 0.06 < shares["ORDER NEW"] < 0.25
    assert 0.01 < shares["ORDER UPDATE"] < 0.08
    assert 0.03 < shares["IMAGE UPLOAD"] < 0.07


def test_customers_differ_in_how_active_they_are_and_pause_for_weeks() -> None:
    events: Counter[str] = Counter()
    weeks: dict[str, set[str]] = {}
    for event in decoded(generated(50_000)):
        customer = event.get("customer_id", event["key"])
        events[customer] += 1
        week = datetime.fromisoformat(event["event_time"]).strftime("%U")
        weeks.setdefault(customer, set()).add(week)
    sizes = sorted(events.values())
    assert sizes[-1] > 10 * sizes[len(sizes) // 4]
    active = sorted(map(len, weeks.values()))
    assert 3 <= active[len(active) // 2] <= 40


def test_names_that_an_output_must_escape_are_among_them() -> None:
    names = {event.get("last_name") for event in decoded(generated(50_000)) if event["type"] == "CUSTOMER"}
    assert {"<b>O'Neil</b>", "[red]Day", "Ødegård", "山田"} <= names
    assert names == {*LAST_NAMES, None}


# --- times


def test_times_are_within_the_year_in_order_and_as_many_as_asked_for() -> None:
    for n in (0, 1, 7, 10_000):
        found = list(times(n, Random(1)))
        assert len(found) == n
        assert found == sorted(found)
        assert all(re.fullmatch(r"2025-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time) for time in found)


def test_the_weeks_before_christmas_and_the_weekends_are_busy() -> None:
    found = list(times(100_000, Random(1)))
    months = Counter(time[5:7] for time in found)
    assert months["12"] > 1.4 * months["06"]
    days = Counter(datetime.fromisoformat(time).weekday() for time in found)
    assert days[6] > 1.2 * days[1]
    hours = Counter(time[11:13] for time in found)
    assert hours["22"] > 5 * hours["08"]


# --- live


def ticking() -> Iterator[str]:
    for ms in count():
        yield time_text(datetime.fromtimestamp(1_750_000_000 + ms / 1000, UTC))


def test_live_events_have_the_time_at_which_they_are_read() -> None:
    now = datetime(2026, 2, 3, 4, 5, 6, 789_999, tzinfo=UTC)
    clock = iter([now, now.replace(hour=5)])
    events = live(map(time_text, clock))
    assert json.loads(next(events).value)["event_time"] == "2026-02-03T04:05:06.789Z"
    assert json.loads(next(events).value)["event_time"] == "2026-02-03T05:05:06.789Z"


def test_live_deliveries_have_about_the_shares_asked_for() -> None:
    events = list(islice(live(ticking(), 1, 50, Faults(0.1, 0.05, 0.1)), 20_000))
    assert sum(not event.valid for event in events) / 20_000 == pytest.approx(0.1, rel=0.1)
    good = [event.value for event in events if event.valid]
    assert (len(good) - len(set(good))) / 20_000 == pytest.approx(0.05, rel=0.15)
    assert len({event.customer_id for event in events if event.valid}) == 50


def test_a_live_shop_goes_on_when_all_customers_have_left() -> None:
    assert len(list(islice(live(ticking(), customers=1), 5_000))) == 5_000


def test_a_live_shop_ends_with_its_times_after_delivering_all_late_events() -> None:
    events = values(live(islice(ticking(), 3_000), faults=Faults(disorder=0.5)))
    assert len(set(events)) == 3_000


def test_the_shop_says_how_many_have_joined() -> None:
    shop = Shop(0, 5, 50)
    seen = {shop.event("2025-01-01T00:00:00.000Z").customer_id for _ in range(50)}
    assert shop.customers == len(seen) == 5


# --- the command


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz", "a.json", "a.json.gz"])
def test_every_format_holds_the_same_events(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    assert generate(300, "--seed", 3, "-o", path).exit_code == 0
    assert [value for _, value in read_events(str(path))] == values(generated(300, 3))
    content = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    assert (content[:1] == b"[") == ("ndjson" not in name)
    if "ndjson" not in name:
        assert len(json.loads(content)) == 300


def test_the_same_command_writes_the_same_gzip_file(tmp_path: Path) -> None:
    for name in ("a.ndjson.gz", "b.ndjson.gz"):
        generate(300, "-o", tmp_path / name)
    assert (tmp_path / "a.ndjson.gz").read_bytes() == (tmp_path / "b.ndjson.gz").read_bytes()


@pytest.mark.parametrize("name", ["a.ndjson", "a.json"])
def test_events_generated_with_faults_are_all_read_back(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    result = generate(
        4_000, "--rubbish", 0.1, "--duplicates", 0.05, "--disorder", 0.1, "--customers", 25, "-o", path
    )
    assert result.stderr.strip() == (
        f"4,000 events of 25 customers written to {path}: 340 late, 200 delivered twice, 400 invalid"
    )
    read = [value for _, value in read_events(str(path))]
    assert len(read) == 4_000
    assert sum(reason(value) is not None for value in read) == 400


@pytest.mark.parametrize("name", ["a.ndjson", "a.json"])
def test_a_file_of_a_few_invalid_events_is_not_taken_for_another_format(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for seed in range(40):
        assert generate(3, "--rubbish", 1, "--seed", seed, "-o", path).exit_code == 0
        assert len(list(read_events(str(path)))) == 3


def test_a_dash_writes_lines_to_standard_output() -> None:
    result = generate(20, "-o", "-")
    assert result.stdout_bytes.splitlines() == values(generated(20))


@pytest.mark.parametrize(
    "args",
    [
        ["-o", "x.ndjson"],
        [5],
        [-1, "-o", "-"],
        [5, "-o", "-", "--rubbish", 2],
        [5, "-o", "-", "--disorder", 1],
        [5, "-o", "-", "--duplicates", 0.4, "--rubbish", 0.5],
        [5, "-o", "-", "--customers", 0],
    ],
)
def test_wrong_usage_exits_with_2(args: list[str | int | float]) -> None:
    assert generate(*args).exit_code == 2
