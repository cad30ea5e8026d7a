"""The run of dead letters is that of the record order, however the records are parted."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from consumer.stream.dead_run import DeadRun


@given(st.lists(st.lists(st.booleans(), max_size=6), max_size=8))
def test_length_and_longest_run_do_not_depend_on_the_parts(parts: list[list[bool]]) -> None:
    run = DeadRun()
    for part in parts:
        if part:
            run.note(len(part), [i for i, is_dead in enumerate(part) if is_dead])
    runs = [
        (is_dead, len(list(same))) for is_dead, same in groupby(is_dead for part in parts for is_dead in part)
    ]
    assert run.longest == max((length for is_dead, length in runs if is_dead), default=0)
    assert run.length == (runs[-1][1] if runs and runs[-1][0] else 0)


def test_a_batch_that_cannot_be_read_counts_as_all_its_records() -> None:
    run = DeadRun()
    run.note(3, [2])
    run.note_unreadable(100)
    assert (run.longest, run.length) == (101, 101)


def test_a_run_that_goes_on_after_a_commit_keeps_its_length() -> None:
    run = DeadRun()
    run.note(3, [1, 2])
    run.committed()
    assert run.longest == 0
    run.note(1, [0])
    assert (run.longest, run.length) == (3, 3)
