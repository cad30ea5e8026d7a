"""The consumer's speed and lag, computed from successive snapshots and the end of the events topic."""

from datetime import datetime

from contract.snapshots import Snapshot


class Pace:
    """Events per second between successive snapshots, and the records that the newest one does not count."""

    def __init__(self) -> None:
        self._before: Snapshot | None = None

    def text_after(self, snapshot: Snapshot, end: int) -> str:
        """Speed and lag as text; `end` is the sum of the events topic's end offsets."""
        consumed = _consumed(snapshot)
        before, self._before = self._before, snapshot
        parts = []
        if before:
            seconds = (emitted(snapshot) - emitted(before)).total_seconds()
            if seconds > 0:
                parts.append(f"{(consumed - _consumed(before)) / seconds:,.0f} events/s")
        parts.append(f"lag {max(0, end - consumed):,}")
        return ", ".join(parts)


def _consumed(snapshot: Snapshot) -> int:
    return snapshot.totals.events + snapshot.totals.dead_letters


def emitted(snapshot: Snapshot) -> datetime:
    """When the snapshot was emitted."""
    return datetime.fromisoformat(snapshot.emitted_at)
