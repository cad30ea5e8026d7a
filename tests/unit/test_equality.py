"""The native core and the reference are equal, on the same events and on the same records; see `make fuzz`."""

import pytest

from tests.equality import check_events, check_history
from tests.implementations import NATIVE

pytestmark = pytest.mark.skipif(NATIVE is None, reason="the native core is not installed (make native)")


@pytest.mark.parametrize("seed", range(0, 100, 10))
def test_an_event_is_taken_as_by_the_reference_or_left_to_it(seed: int) -> None:
    found = [check_events(each) for each in range(seed, seed + 10)]
    assert sum(taken for _, taken in found) > 0


@pytest.mark.parametrize("seed", range(0, 100, 10))
def test_the_same_records_give_the_same_state_letters_and_changelog(seed: int) -> None:
    found = [check_history(each) for each in range(seed, seed + 10)]
    assert sum(letters for _, letters in found) > 0
