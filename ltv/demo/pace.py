"""How fast the consumer is and how far behind: read off successive snapshots and the end of the events topic."""

from datetime import datetime

from contract.snapshots import Snapshot


class Pace:
    """Events per second between successive snapshots, and how many records are not in the newest one yet."""

    def __init__(self) -> None:
        self._before: Snapshot | None = None

    def note(self, snapshot: Snapshot, end: int) -> str:
        """Both in words; `end` is the sum of the events topic's end offsets."""
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
    """When it was emitted."""
    return datetime.fromisoformat(snapshot.emitted_at)
