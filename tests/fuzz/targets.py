"""What is fuzzed, and what share of the time it has."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from tests.equality import check_events, check_history
from tests.fuzz import (
    changelog_records,
    dashboard_api,
    event_files,
    events,
    record_batches,
    stored_snapshots,
)
from tests.implementations import NATIVE


class Target(NamedTuple):
    """One reader of what others wrote."""

    check: Callable[[random.Random], Counter[str]]
    """Makes some inputs and reads them; returns how many had which outcome. Anything it raises is a finding."""
    share: int
    """Of the time."""


def _native_events(draw: random.Random) -> Counter[str]:
    events, taken = check_events(draw.randrange(1 << 40))
    return Counter({"taken as by the reference": taken, "left to it": events - taken})


def _native_histories(draw: random.Random) -> Counter[str]:
    records, letters = check_history(draw.randrange(1 << 40))
    return Counter({"records": records, "dead letters": letters})


_OF_CORE: Final = {
    "native-events": Target(_native_events, 1),
    "native-histories": Target(_native_histories, 2),
}
TARGETS: Final[Mapping[str, Target]] = {
    "events": Target(events.check, 2),
    "files": Target(event_files.check, 2),
    "changelog": Target(changelog_records.check, 2),
    "snapshots": Target(stored_snapshots.check, 1),
    "batches": Target(record_batches.check, 2),
    "http": Target(dashboard_api.check, 2),
    **(_OF_CORE if NATIVE is not None else {}),
}
"""Without the native core, nothing is compared with it."""
