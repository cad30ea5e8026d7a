"""Reading earlier snapshots for many clients at once; and which snapshots stand for a long stretch."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.log_reader import LogReader
from contract.errors import Retriable
from contract.topics import Topics
from dashboard.frames import Frame
from dashboard.past_snapshots import MOST_WAITING, PastSnapshots, TooManyRequests
from dashboard.recent_frames import RecentFrames
from dashboard.series import spread_offsets
from tests.dashboard_stage import snapshot


class CountingPast(PastSnapshots):
    """Reads nothing, and counts how often it should; `errors` are raised first."""

    def __init__(self, *errors: Exception) -> None:
        self.recent = RecentFrames()
        super().__init__(self._count_connection, Topics(), self.recent)
        self.connections = 0
        self.read: list[int] = []
        self.may_read = threading.Event()
        self.may_read.set()
        self._errors = list(errors)

    def _count_connection(self) -> Any:
        self.connections += 1
        return Connection()

    def _step_after(self, reader: LogReader, sequence: int) -> Sequence[Frame]:
        self.may_read.wait()
        self.read.append(sequence)
        if self._errors:
            raise self._errors.pop()
        return [Frame(snapshot(sequence + 1))]


class Connection:
    def close(self) -> None: ...


@pytest.fixture
def past() -> Iterator[CountingPast]:
    with closing(CountingPast()) as made:
        yield made


def test_clients_that_come_again_together_share_one_read(past: CountingPast) -> None:
    async def ask() -> list[Sequence[Frame]]:
        return await asyncio.gather(*(past.after(3) for _ in range(2_000)))

    found = asyncio.run(ask())
    assert {frames[0].sequence for frames in found} == {4}
    assert (past.read, past.connections) == ([3], 1)


def test_a_read_that_failed_is_not_remembered_nor_its_connection() -> None:
    with closing(CountingPast(Retriable("away"))) as past:

        async def ask_twice() -> Sequence[Frame]:
            with pytest.raises(Retriable, match="away"):
                await past.after(3)
            return await past.after(3)

        assert asyncio.run(ask_twice())[0].sequence == 4
        assert (past.read, past.connections) == ([3, 3], 2)


def test_a_client_that_leaves_does_not_end_the_read_of_the_others(past: CountingPast) -> None:
    async def ask() -> Sequence[Frame]:
        past.may_read.clear()
        leaving, staying = asyncio.create_task(past.after(3)), asyncio.create_task(past.after(3))
        await asyncio.sleep(0)
        leaving.cancel()
        past.may_read.set()
        return await staying

    assert asyncio.run(ask())[0].sequence == 4


def test_too_many_different_reads_are_told_to_come_later(past: CountingPast) -> None:
    async def ask() -> list[Any]:
        past.may_read.clear()
        reads = [asyncio.create_task(past.after(number)) for number in range(MOST_WAITING + 1)]
        await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
        past.may_read.set()
        return await asyncio.gather(*reads, return_exceptions=True)

    refused = [each for each in asyncio.run(ask()) if isinstance(each, Exception)]
    assert [type(each) for each in refused] == [TooManyRequests]


def test_what_was_read_of_another_series_is_forgotten(past: CountingPast) -> None:
    async def ask() -> None:
        await past.after(3)
        past.recent.add([Frame(snapshot(9)), Frame(snapshot(1))])
        await past.after(3)

    asyncio.run(ask())
    assert past.read == [3, 3]


@given(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 1_000))
def test_the_offsets_of_a_stretch_are_few_even_and_within_it(start: int, length: int, most: int) -> None:
    found = spread_offsets(start, start + length, most)
    assert len(found) <= most
    assert all(start <= offset < start + length for offset in found)
    assert (found.step == 1) == (length <= most and most > 0)
    if found.step > 1 and most > 1:
        assert len(found) >= most // 2


@given(st.integers(0, 10**5), st.integers(1, 10**5), st.integers(2, 100))
def test_a_moment_later_most_offsets_are_the_same(start: int, length: int, most: int) -> None:
    before = spread_offsets(start, start + length, most)
    later = spread_offsets(start, start + length + 1, most)
    assert set(later) <= {*before, start + length} or later.step == 2 * before.step
