"""How much more spend brings a customer to the next rank: not a cent more, and not a cent less."""

from hypothesis import given
from hypothesis import strategies as st

from contract.lifetime_value import rank_position
from contract.money import money, parse_money
from contract.snapshots import Basis
from dashboard.standing import standing
from tests.dashboard_stage import customer, row, snapshot

SPENDS = st.integers(0, 10**9)
WEEKS = st.integers(1, 2_000)


@given(SPENDS, WEEKS, SPENDS, WEEKS, st.sampled_from(["active", "timeframe"]), st.sampled_from(["a", "z"]))
def test_the_missing_spend_is_exact(
    spend: int, weeks: int, spend_ahead: int, weeks_ahead: int, basis: Basis, customer_id: str
) -> None:
    ahead = row(1, "m", money(spend_ahead), weeks_ahead)
    found = standing(customer(customer_id, money(spend), weeks), snapshot(1, ahead, basis=basis)).next
    assert found
    target = rank_position("m", spend_ahead, weeks_ahead, basis)
    more = parse_money(found.more_spend)
    assert rank_position(customer_id, spend + more, weeks, basis) < target
    assert more == 0 or rank_position(customer_id, spend + more - 1, weeks, basis) > target


def test_a_ranked_customer_looks_at_the_rank_above_it() -> None:
    rows = (row(1, "a", "300.00"), row(2, "b", "200.00"), row(3, "c", "100.00"))
    found = standing(customer("c", "100.00"), snapshot(5, *rows))
    assert (found.sequence, found.rank) == (5, 3)
    assert found.next
    assert (found.next.rank, found.next.customer_id, found.next.more_spend) == (2, "b", "100.01")


def test_who_is_not_ranked_looks_at_the_last_rank() -> None:
    found = standing(
        customer("z", "1.00", weeks=2), snapshot(1, row(1, "a", "300.00"), row(2, "b", "200.00"))
    )
    assert found.rank is None
    assert found.next
    assert (found.next.rank, found.next.more_spend) == (2, "399.01")


def test_nobody_is_before_the_first_nor_in_an_empty_ranking() -> None:
    assert standing(customer("a"), snapshot(1, row(1, "a"))).next is None
    assert standing(customer("a"), snapshot(1)).next is None


def test_on_the_time_frame_all_have_its_weeks() -> None:
    found = standing(customer("b", "40.00", weeks=1), snapshot(1, row(1, "a", "100.00"), basis="timeframe"))
    assert (found.basis, found.weeks, found.ltv) == ("timeframe", 4, "5200.00")
