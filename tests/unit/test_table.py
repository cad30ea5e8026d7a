"""How results are displayed: text from events can't control a terminal, and incomplete snapshots are marked."""

from collections import Counter
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import msgspec
import pytest
from rich.cells import cell_len
from rich.console import Console

from contract.errors import counted
from contract.printable import printable
from contract.snapshots import Coverage, PartitionCoverage, Row, Snapshot, Totals
from ltv.console.consoles import stderr_console, stdout_console
from ltv.console.letter_view import letter_text, no_letter_of_reason, summary
from ltv.console.ranking import Ranking
from ltv.console.snapshot_view import SnapshotView, line
from ltv.console.text import cut
from subscriber.letters import Letter
from subscriber.presentation import ago, grouped, incomplete, to_the_second

NOW = datetime(2026, 1, 2, 12, 0, 30, tzinfo=UTC)


def row(rank: int, customer_id: str = "c1", **fields: Any) -> Row:
    values: dict[str, Any] = {
        "rank": rank,
        "previous_rank": None,
        "customer_id": customer_id,
        "last_name": "Smith",
        "ltv": "1234567.89",
        "total_spend": "100.00",
        "weeks": 2,
        "orders": 3,
        "visits": 4,
        "revenue_per_visit": "25.00",
        "visits_per_week": 2.0,
    }
    return Row(**values | fields)


def coverage(*counted: int | None, behind_s: float | None = 0.0, complete: bool = True) -> Coverage:
    """The coverage of partitions with these lags; None: the partition has not reported."""
    reported = None not in counted
    return Coverage(
        complete=complete and reported,
        behind_s=behind_s if reported else None,
        lag_records=sum(lag or 0 for lag in counted) if reported else None,
        partitions=[
            PartitionCoverage(
                partition=number,
                next_offset=None if lag is None else 100,
                lag_records=lag,
                counted_to=None if lag is None else "2026-01-02T12:00:00Z",
            )
            for number, lag in enumerate(counted)
        ],
    )


ALL_COUNTED = coverage(0, 0, 0, 0)


def snapshot(*rows: Row, covered: Coverage = ALL_COUNTED) -> Snapshot:
    return Snapshot(
        sequence=7,
        emitted_at="2026-01-02T12:00:00Z",
        x=10,
        basis="active",
        timeframe_weeks=1,
        event_time_min="2026-01-01T00:00:00Z",
        event_time_max="2026-01-02T00:00:00Z",
        coverage=covered,
        totals=Totals(events=1000, customers=2, orders=3, revenue="1234.50", dead_letters=5),
        rows=list(rows),
    )


def drawn(renderable: Any, *, terminal: bool = False, width: int = 160, height: int = 50) -> str:
    file = StringIO()
    Console(
        file=file,
        width=width,
        height=height,
        force_terminal=terminal,
        color_system="truecolor" if terminal else None,
        markup=False,
        emoji=False,
        highlight=False,
        legacy_windows=False,
    ).print(renderable)
    return file.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ødegård", "Ødegård"),
        ("[bold]Ann[/bold]", "[bold]Ann[/bold]"),
        (":smile:", ":smile:"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\nlines\ttab\r", r"two\nlines\ttab\r"),
        ("\x9b31m", r"\x9b31m"),
        ("gnp.\u202eexe", r"gnp.\u202eexe"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("no\u00a0break", "no\u00a0break"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
    ],
)
def test_text_from_events_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    output = drawn(Ranking(snapshot(row(1, customer_id=text, last_name=text)), changes=False))
    assert output.count(shown) == 2


def test_escape_sequences_in_names_do_not_reach_a_terminal() -> None:
    drawn_row = drawn(Ranking(snapshot(row(1, last_name="\x1b[2Jgone")), changes=True), terminal=True)
    assert "\x1b[2J" not in drawn_row
    assert r"\x1b[2Jgone" in drawn_row


def test_a_console_escapes_in_any_text_what_a_terminal_would_obey(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = msgspec.structs.replace(
        snapshot(row(1)), emitted_at="2026-01-01\x1b00:00:00Z", event_time_min="\x9b2J\u202e"
    )
    stdout_console().print(SnapshotView(hostile, NOW))
    stdout_console().print("two\nlines\x1b[2J")
    output = capsys.readouterr().out
    assert r"2026-01-01\x1b00:00:00Z" in output
    assert r"\x9b2J\u202e to " in output
    assert output.endswith("two\nlines\\x1b[2J\n")
    assert output.replace("\n", "").isprintable()


def test_no_colours_without_a_terminal() -> None:
    assert "\x1b" not in drawn(
        SnapshotView(snapshot(row(1, previous_rank=2), row(2), covered=coverage(0, None)), NOW)
    )


def test_long_ids_are_cut_with_an_ellipsis() -> None:
    assert cut("x" * 10, 5) == "xxxx…"
    assert cut("xxxxx", 5) == "xxxxx"


def test_changes_of_rank_are_marked() -> None:
    output = drawn(
        Ranking(
            snapshot(row(1, previous_rank=3), row(2, previous_rank=1), row(3), row(4, previous_rank=4)),
            changes=True,
        )
    )
    first, second, third, fourth = output.splitlines()[-5:-1]
    assert "▲2" in first
    assert "▼1" in second
    assert "new" in third
    assert not any(mark in fourth for mark in ("▲", "▼", "new"))


def test_in_the_first_snapshot_no_customer_is_marked_new() -> None:
    assert "new" not in drawn(Ranking(snapshot(row(1), row(2)), changes=True))


def test_an_unknown_value_is_a_dash() -> None:
    shown = drawn(Ranking(snapshot(row(1, last_name=None, revenue_per_visit=None)), changes=False))
    assert shown.splitlines()[-2].split().count("-") == 2


def test_money_is_grouped_exactly() -> None:
    assert grouped("1000000000000000.05") == "1,000,000,000,000,000.05"
    assert grouped("0.00") == "0.00"


def test_a_view_says_how_old_and_how_complete_it_is() -> None:
    shown = drawn(SnapshotView(snapshot(row(1)), NOW))
    assert shown.splitlines()[:2] == [
        "top 10 customers, snapshot 7, emitted 2026-01-02T12:00:00Z, 30 s ago",
        "counts all events",
    ]
    assert "INCOMPLETE" not in shown


def test_times_are_shown_to_the_second() -> None:
    assert to_the_second("2026-01-31T12:00:00.445308Z") == "2026-01-31T12:00:00Z"
    assert to_the_second("2026-01-31T12:00:00Z") == "2026-01-31T12:00:00Z"


def test_an_incomplete_snapshot_names_the_missing_partitions() -> None:
    partly = snapshot(row(1), covered=coverage(0, 0, None, None))
    assert "INCOMPLETE: partitions 2, 3 not reported yet" in drawn(SnapshotView(partly, NOW))
    assert incomplete(partly) in line(partly)
    one = snapshot(row(1), covered=coverage(0, 0, None))
    assert incomplete(one) == "INCOMPLETE: partition 2 not reported yet; its customers are missing"


def test_a_snapshot_that_is_far_behind_says_how_far_and_where() -> None:
    late = snapshot(row(1), covered=coverage(0, 1200, 34, behind_s=95.0, complete=False))
    assert "INCOMPLETE: 1,234 records not counted yet, up to 95 s old, on partitions 1, 2" in drawn(
        SnapshotView(late, NOW)
    )


def test_a_snapshot_that_is_a_little_behind_says_so_quietly() -> None:
    shown = drawn(SnapshotView(snapshot(row(1), covered=coverage(0, 1, behind_s=0.4)), NOW))
    assert "1 record not counted yet, up to 0 s old, on partition 1" in shown
    assert "INCOMPLETE" not in shown


def test_a_live_view_shows_no_more_rows_than_fit() -> None:
    rows = [row(rank, customer_id=f"c{rank}") for rank in range(1, 101)]
    shown = drawn(SnapshotView(snapshot(*rows), NOW, fit=True), height=20)
    assert len(shown.splitlines()) <= 20
    assert "c10 " in shown
    assert "... and 90 more" in shown


def test_a_line_has_the_best_three_and_the_sums() -> None:
    shown = line(snapshot(*(row(rank, customer_id=f"c{rank}") for rank in range(1, 6))), "9 events/s, lag 2")
    assert "\n" not in shown
    assert "1. c1 1,234,567.89, 2. c2 1,234,567.89, 3. c3 1,234,567.89" in shown
    assert "c4" not in shown
    assert "1,000 events" in shown
    assert "9 events/s, lag 2" in shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (600, "10 min"), (7200, "2 h"), (864_000, "10 days")]
)
def test_ages_are_in_fitting_units(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def letter(**fields: Any) -> Letter:
    values: dict[str, Any] = {
        "reason": "invalid_field",
        "field": "total_amount",
        "error": "expected an amount",
        "topic": "ltv.events",
        "partition": 2,
        "offset": 17,
        "timestamp_ms": 1_700_000_000_000,
        "set_aside_ms": 1_700_000_001_000,
        "key": "c1",
        "payload": "{}",
    }
    return Letter(**values | fields)


def test_a_dead_letter_is_described_with_origin_reason_and_payload() -> None:
    shown = letter_text(letter(), 120).plain
    assert "invalid_field" in shown
    assert "2:17 of ltv.events" in shown
    assert "2023-11-14T22:13:20Z" in shown
    assert "total_amount: expected an amount" in shown
    assert "{}" in shown


def test_a_binary_payload_is_shown_with_escapes() -> None:
    assert r"\xff\xfe{" in letter_text(letter(payload=None, payload_base64="//57"), 120).plain


def test_a_payload_cannot_control_the_terminal() -> None:
    shown = letter_text(letter(payload="\x1b[2J", key="\x07", error="\x1b]0;x"), 120).plain
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_a_truncated_payload_says_how_long_it_was() -> None:
    assert "(5,000,000 bytes in full)" in letter_text(letter(truncated_from=5_000_000), 120).plain


def test_a_record_without_any_of_the_headers_is_still_shown() -> None:
    bare = letter(
        reason="", field="", error="", topic="", partition=None, offset=None, timestamp_ms=None, key=None
    )
    assert "unknown reason" in letter_text(bare, 120).plain


def test_counts_are_by_reason_the_most_frequent_first() -> None:
    shown = Counter({"empty": 1, "invalid_field": 2})
    assert summary(shown, "ltv.dead-letters", limited=True) == (
        "the newest 3 on ltv.dead-letters: invalid_field 2, empty 1"
    )


def test_where_there_is_none_the_text_says_what_that_may_mean() -> None:
    assert summary(Counter(), "ltv.dead-letters", limited=False).startswith(
        "no dead letters on ltv.dead-letters: "
    )
    assert no_letter_of_reason("empty", "ltv.dead-letters", Counter()) == summary(
        Counter(), "ltv.dead-letters", limited=False
    )


def test_where_there_is_none_of_a_reason_the_others_are_counted() -> None:
    others = Counter({"oversize": 1, "wrong_key": 1_200})
    assert no_letter_of_reason("empty", "d", others) == (
        "no dead letter with reason empty on d; 1,201 others: wrong_key 1,200, oversize 1"
    )
    assert "; 1 other: " in no_letter_of_reason("empty", "d", Counter({"": 1}))


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_dead_letters_content_fits_one_line(width: int) -> None:
    wide = letter(key="日本語" * 30, payload='{"name": "東京"}' * 90, truncated_from=5_000_000)
    assert cell_len(letter_text(wide, width).plain.splitlines()[-1]) <= width


def test_a_dead_letter_as_json_has_no_fields_that_do_not_apply() -> None:
    assert "payload_base64" not in msgspec.json.decode(msgspec.json.encode(letter()))


def test_without_a_terminal_lines_are_wide_enough_for_the_table() -> None:
    assert stdout_console().width == stderr_console().width == 200


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
def test_on_a_narrow_terminal_figures_are_left_out_and_never_the_rank_or_the_value(width: int) -> None:
    rows = [row(rank, customer_id=f"customer-{rank}", last_name="Featherstonehaugh") for rank in (1, 2)]
    shown = drawn(Ranking(snapshot(*rows), changes=True), width=width).splitlines()
    assert all(len(text) <= width for text in shown)
    second = shown[-2].split()
    assert second[0] == "2"
    assert second[1] == "customer-2"
    assert "1,234,567.89" in second
    assert ("visits/week" in shown[1]) == (width >= 120)


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80])
def test_money_is_whole_at_every_width(width: int) -> None:
    ltv = "123456789012.34"
    shown = drawn(Ranking(snapshot(row(1, "x" * 300, ltv=ltv, previous_rank=5)), changes=True), width=width)
    assert "".join(shown.split()).count("…") <= 2  # Of the id and the name.
    digits = "".join(char for line in shown.splitlines()[3:] for char in line if char.isdigit())
    assert "12345678901234" in digits
    if width >= 40:
        assert grouped(ltv) in shown


@pytest.mark.parametrize(
    "name", ["日本語の長い名前です株式会社", "👩\u200d👩\u200d👧 Family", "Zoe\u0301", "🎉" * 40]
)
def test_wide_and_combining_characters_keep_the_columns_straight(name: str) -> None:
    rows = [row(1, name, last_name=name), row(2)]
    shown = drawn(Ranking(snapshot(*rows), changes=True), width=80).splitlines()
    assert len({cell_len(line) for line in shown if "1,234,567.89" in line}) == 1


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u0301e\u0301e\u0301", 2, "e\u0301…"),
    ],
)
def test_text_is_cut_by_the_cells_it_takes(text: str, width: int, shown: str) -> None:
    assert cut(text, width) == shown
    assert cell_len(shown) <= width


@pytest.mark.parametrize("width", [40, 60])
def test_a_view_that_wraps_still_fits_the_window(width: int) -> None:
    rows = [row(rank, customer_id=f"c{rank}") for rank in range(1, 51)]
    shown = drawn(
        SnapshotView(snapshot(*rows, covered=coverage(0, None)), NOW, note="lag 5", fit=True),
        width=width,
        height=24,
    )
    assert len(shown.splitlines()) < 24
    assert "more, not shown" in " ".join(shown.split())


def test_singular_and_plural_agree_with_their_number() -> None:
    assert [counted(number, "event") for number in (0, 1, 2, 1_234)] == [
        "0 events",
        "1 event",
        "2 events",
        "1,234 events",
    ]
    one = Totals(events=1, customers=1, orders=1, revenue="1.00", dead_letters=1)
    behind_by_one = coverage(1, behind_s=1.0)
    alone = msgspec.structs.replace(snapshot(row(1)), x=1, totals=one, coverage=behind_by_one)
    shown = drawn(SnapshotView(alone, NOW))
    assert "top 1 customer," in shown
    assert "1 record not counted yet, up to 1 s old, on partition 0" in shown
    assert "1 event, 1 customer, 1 order, 1.00 USD revenue, 1 dead letter\n" in shown
    assert [ago(seconds) for seconds in (86_400 * 2, 86_400 * 9)] == ["2 days", "9 days"]
