"""The limits on dead letters: when they stop the consumer, and with which message."""

import pytest

from cluster.settings import Cluster
from consumer.settings import Settings
from consumer.stream.invalid_limit import MIN_RECORDS, WINDOW_RECORDS, InvalidLimit
from contract.dead_letters import MAX_PAYLOAD_BYTES, DeadLetter, Origin, dead_batch, dead_letter
from contract.errors import Fatal, InvalidEvent

ORIGIN = Origin("ltv.events", 3, 17, 1_700_000_000_000)
LETTER = dead_letter(b"c1", b"{", InvalidEvent("undecodable", "", "not JSON"), ORIGIN)


class Checked:
    """Commits that succeed unless a limit stops them."""

    def __init__(self, count: int | None, ratio: float) -> None:
        settings = Settings(
            Cluster(bootstrap_servers="nowhere:1"), max_dead_letters=count, max_dead_letter_ratio=ratio
        )
        self.limit = InvalidLimit(settings)

    def check(self, records: int, dead: list[DeadLetter]) -> None:
        self.limit.check(records, dead)
        self.limit.committed()


def limit(count: int | None = None, ratio: float = 1.0) -> Checked:
    return Checked(count, ratio)


def test_without_a_limit_nothing_stops() -> None:
    without = limit()
    for _ in range(20):
        without.check(WINDOW_RECORDS, [LETTER] * WINDOW_RECORDS)


def test_as_many_as_the_limit_pass_and_one_more_does_not() -> None:
    checked = limit(count=3)
    checked.check(10, [LETTER] * 2)
    checked.check(10, [LETTER])
    checked.check(10, [])
    with pytest.raises(Fatal, match="4 invalid events, more than --max-dead-letters 3"):
        checked.check(10, [LETTER])


def test_a_limit_of_0_stops_at_the_first() -> None:
    with pytest.raises(Fatal, match="1 invalid events, more than --max-dead-letters 0"):
        limit(count=0).check(1, [LETTER])


def test_the_share_of_a_few_records_does_not_stop() -> None:
    checked = limit(ratio=0.1)
    checked.check(MIN_RECORDS - 1, [LETTER] * (MIN_RECORDS - 1))
    with pytest.raises(Fatal, match=f"{MIN_RECORDS} of the last {MIN_RECORDS} records are invalid"):
        checked.check(1, [LETTER])


def test_a_share_equal_to_the_limit_passes() -> None:
    checked = limit(ratio=0.1)
    checked.check(MIN_RECORDS, [LETTER] * (MIN_RECORDS // 10))
    with pytest.raises(Fatal, match=r"--max-dead-letter-ratio 0\.1"):
        checked.check(1, [LETTER])


def test_the_share_is_that_of_the_last_10_000_records_not_of_all() -> None:
    """Years of valid events must not hide a broken producer."""
    checked = limit(ratio=0.5)
    for _ in range(100):
        checked.check(WINDOW_RECORDS, [])
    with pytest.raises(Fatal):
        checked.check(MIN_RECORDS, [LETTER] * MIN_RECORDS)


def test_a_ratio_of_one_never_stops() -> None:
    limit(ratio=1.0).check(MIN_RECORDS, [LETTER] * MIN_RECORDS)


def test_a_batch_that_cannot_be_read_counts_as_all_its_records() -> None:
    batch = dead_batch(b"z", InvalidEvent("oversize_batch", "", "too much"), ORIGIN, 616, 600)
    with pytest.raises(Fatal, match=r"600 of the last 1000 records are invalid.*\(oversize_batch 600\)"):
        limit(ratio=0.5).check(1_000, [batch])
    with pytest.raises(Fatal, match="600 invalid events"):
        limit(count=599).check(1_000, [batch])


def test_records_of_a_commit_that_fails_are_counted_once_when_they_come_again() -> None:
    checked = limit(count=3, ratio=0.5)
    for _ in range(10):
        checked.limit.check(500, [LETTER] * 3)
    checked.check(500, [LETTER] * 3)
    with pytest.raises(Fatal, match="4 invalid events"):
        checked.check(1, [LETTER])


def test_the_message_says_where_the_last_one_is_why_it_is_invalid_and_what_to_do() -> None:
    with pytest.raises(Fatal) as raised:
        limit(count=0).check(1, [LETTER])
    message = str(raised.value)
    assert "(undecodable 1). The newest: ltv.events-3 at offset 17: undecodable: not JSON" in message
    for step in ("mend the producer", "start the consumer once without --max-dead-letters", "redrive"):
        assert step in message
    assert "\n" not in message


def test_a_dead_letter_has_the_original_bytes_and_origin() -> None:
    assert (
        DeadLetter(
            b"c1",
            b"{",
            [
                ("ltv.reason", b"undecodable"),
                ("ltv.field", b""),
                ("ltv.error", b"not JSON"),
                ("ltv.topic", b"ltv.events"),
                ("ltv.partition", b"3"),
                ("ltv.offset", b"17"),
                ("ltv.timestamp", b"1700000000000"),
            ],
        )
        == LETTER
    )


@pytest.mark.parametrize("extra", [0, 1, 1_000_000])
def test_an_oversize_payload_is_cut_and_a_header_has_its_length(extra: int) -> None:
    value = b"x" * (MAX_PAYLOAD_BYTES + extra)
    letter = dead_letter(None, value, InvalidEvent("oversize", "", "too long"), ORIGIN)
    assert letter.value == b"x" * MAX_PAYLOAD_BYTES
    length = dict(letter.headers).get("ltv.truncated-from")
    assert length == (str(len(value)).encode() if extra else None)
