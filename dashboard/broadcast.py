"""What every open stream is told, without a queue for any of them.

Theory of operation. There is one batch of newest snapshots (usually one; several after the broker was away), one state,
and one event on which all streams wait. A stream keeps only the sequence that it sent last. When it wakes up, it sends
the batch if the batch follows its sequence without a gap. Otherwise it was too slow: it sends how many snapshots it
missed, and the newest one. So a slow client costs no memory, and no client waits for another.
All methods belong to the server's event loop; other threads come in by `loop.call_soon_threadsafe`.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from dashboard.frames import Frame, event
from dashboard.recent_frames import RecentFrames


class FeedState(StrEnum):
    """How the dashboard stands to the topic of the snapshots."""

    RECONNECTING = "reconnecting"
    """No broker answers, or not yet; what was sent before is the newest known."""
    WAITING = "waiting"
    """Connected; there is no snapshot yet."""
    LIVE = "live"
    """Connected; the newest snapshot has been sent."""
    UNREADABLE = "unreadable"
    """Connected; this program can't read the newest snapshot: a newer program wrote it."""


class Broadcast:
    """The newest snapshots, the state of the feed, and the event on which streams wait."""

    def __init__(self, recent: RecentFrames | None = None) -> None:
        self.recent = recent or RecentFrames()
        self.batch: Sequence[Frame] = ()
        """The snapshots that the last `publish` added."""
        self.beats = 0
        """Grows with every heartbeat."""
        self.is_closed = False
        self.changed = asyncio.Event()
        """Is set at the next change; take it before looking at what has changed."""
        self.set_state(FeedState.RECONNECTING)

    def publish(self, frames: Sequence[Frame]) -> None:
        """Add newer snapshots, and wake up the streams."""
        self.recent.add(frames)
        self.batch = frames
        self._wake_all()

    def set_state(self, state: FeedState) -> None:
        """Set the state, and wake up the streams."""
        self.state, self.state_since = state, datetime.now(UTC).isoformat(timespec="milliseconds")
        self.state_event = event("state", {"state": state, "since": self.state_since})
        """The state as a server-sent event; another object after each change."""
        self._wake_all()

    def beat(self) -> None:
        """Wake up the streams, so that those which send nothing else send a comment."""
        self.beats += 1
        self._wake_all()

    def close(self) -> None:
        """End all streams."""
        self.is_closed = True
        self._wake_all()

    def _wake_all(self) -> None:
        before, self.changed = self.changed, asyncio.Event()
        before.set()
