"""The newest snapshots and those that clients asked for, in memory up to a number of bytes."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from itertools import islice
from typing import Final

from dashboard.frames import Frame

MOST_RECENT: Final = 256
MOST_RECENT_BYTES: Final = 32 * 1024 * 1024
MOST_ASKED_FOR_BYTES: Final = 16 * 1024 * 1024


class RecentFrames:
    """The newest snapshots, in the order of their sequences; the newest one is always kept."""

    def __init__(self, most: int = MOST_RECENT, most_bytes: int = MOST_RECENT_BYTES) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._frames: deque[Frame] = deque()
        self._bytes = 0
        self.series = 0
        """Grows when another series of snapshots begins."""

    @property
    def newest(self) -> Frame | None:
        """The newest snapshot; None before the first."""
        return self._frames[-1] if self._frames else None

    def add(self, frames: Iterable[Frame]) -> None:
        """Add newer snapshots. One whose sequence is not higher begins another series: the topic was recreated."""
        for frame in frames:
            if self.newest and frame.sequence <= self.newest.sequence:
                self._frames.clear()
                self._bytes = 0
                self.series += 1
            self._frames.append(frame)
            self._bytes += len(frame.event)
            while len(self._frames) > self._most or (
                len(self._frames) > 1 and self._bytes > self._most_bytes
            ):
                self._bytes -= len(self._frames.popleft().event)

    def of_sequence(self, sequence: int) -> Frame | None:
        """The snapshot with this sequence; None if it is not among them."""
        return next((frame for frame in reversed(self._frames) if frame.sequence == sequence), None)

    def after(self, sequence: int) -> list[Frame] | None:
        """The snapshots after this sequence; None if the one that follows it may be older than all of these."""
        if not self._frames or self._frames[0].sequence > sequence + 1:
            return None
        return list(islice(self._frames, sum(frame.sequence <= sequence for frame in self._frames), None))


class AskedFor:
    """Earlier snapshots that somebody asked for; the one that nobody has asked for the longest is forgotten first."""

    def __init__(self, most_bytes: int = MOST_ASKED_FOR_BYTES) -> None:
        self._most_bytes = most_bytes
        self._frames: OrderedDict[int, Frame] = OrderedDict()
        self._bytes = 0

    def get(self, sequence: int) -> Frame | None:
        """The snapshot with this sequence, if it is still known."""
        if frame := self._frames.get(sequence):
            self._frames.move_to_end(sequence)
        return frame

    def add(self, frame: Frame) -> None:
        """Keep a snapshot; one that is larger than all the room is not kept."""
        if frame.sequence in self._frames or len(frame.event) > self._most_bytes:
            return
        self._frames[frame.sequence] = frame
        self._bytes += len(frame.event)
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._frames.popitem(last=False)[1].event)

    def clear(self) -> None:
        """Forget all: another series has begun."""
        self._frames.clear()
        self._bytes = 0
