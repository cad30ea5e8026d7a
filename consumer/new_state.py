"""Which implementation of a partition's state is in use: the native core if it is installed, else the reference."""

from consumer.domain.aggregate import Aggregate
from consumer.domain.state import State
from contract.partitioners import Home
from contract.snapshots import Basis


def new_state(
    x: int = 10, basis: Basis = "active", home: Home | None = None, *, notes_changes: bool = True
) -> State:
    """An empty state; for the arguments, see `Aggregate`."""
    return Aggregate(x, basis, home, notes_changes=notes_changes)
