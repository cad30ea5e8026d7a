"""Chooses the implementation of a partition's state: the native core where it is in use, else the reference."""

from consumer.domain.aggregate import Aggregate
from consumer.domain.state import State
from consumer.native_state import NativeState
from contract import native_core
from contract.partitioners import Home
from contract.snapshots import Basis


def new_state(
    x: int = 10, basis: Basis = "active", home: Home | None = None, *, notes_changes: bool = True
) -> State:
    """An empty state; for the arguments, see `Aggregate`."""
    if native_core.core is None:
        return Aggregate(x, basis, home, notes_changes=notes_changes)
    return NativeState(native_core.core, x, basis, home, notes_changes=notes_changes)
