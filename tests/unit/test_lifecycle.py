"""A partition's lifecycle allows the transitions of its table, and no others."""

import pytest

from consumer.stream.lifecycle import MAY_FOLLOW, Lifecycle, WrongLifecycle, check_follows


@pytest.mark.parametrize("before", Lifecycle)
@pytest.mark.parametrize("after", Lifecycle)
def test_only_the_transitions_of_the_table_are_allowed(before: Lifecycle, after: Lifecycle) -> None:
    if after in MAY_FOLLOW[before]:
        check_follows(before, after)
    else:
        with pytest.raises(WrongLifecycle, match=f"{before.value} can't become {after.value}"):
            check_follows(before, after)


def test_every_state_has_a_row_and_leads_to_the_end() -> None:
    assert set(MAY_FOLLOW) == set(Lifecycle)
    assert MAY_FOLLOW[Lifecycle.GONE] == frozenset()
    assert all(
        Lifecycle.GONE in after for before, after in MAY_FOLLOW.items() if before is not Lifecycle.GONE
    )
