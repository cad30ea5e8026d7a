"""The lifetime value is exact to the cent, and customers are ranked by exact values, not by rounded ones."""

from fractions import Fraction
from math import gcd

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from contract.lifetime_value import ltv_cents, rank_position
from contract.snapshots import Basis

MAX_WEEKS = 521_723
weeks = st.integers(1, MAX_WEEKS) | st.integers(1, 60) | st.integers(MAX_WEEKS - 60, MAX_WEEKS)
spends = st.integers(0, 10**6) | st.integers(0, 10**17) | st.integers(0, 10**30)


@pytest.mark.parametrize(
    ("spend", "active_weeks", "cents"),
    [
        (0, 1, 0),
        (9234, 2, 2_400_840),
        (10_000, 3, 1_733_333),
        (1, 521_723, 0),
        (1, 16, 32),  # 32.5
        (3, 16, 98),  # 97.5
        (5, 16, 162),  # 162.5
        (1, 1040, 0),  # 0.5
        (3, 1040, 2),  # 1.5
        (10**17, 1, 52 * 10**18),
        (10**17, 521_723, 99_669_748_123_046),
    ],
)
def test_the_lifetime_value_of_a_spend_over_weeks(spend: int, active_weeks: int, cents: int) -> None:
    assert ltv_cents(spend, active_weeks) == cents


@given(spends, weeks)
def test_the_lifetime_value_is_520_times_spend_by_weeks_rounded_half_even_to_cents(
    spend: int, over: int
) -> None:
    assert ltv_cents(spend, over) == round(Fraction(52) * Fraction(spend, over) * 10)


def compare(a: tuple[int, int], b: tuple[int, int]) -> int:
    """-1 if (spend, weeks) a ranks before b, 0 if they tie, 1 otherwise: by the code under test."""
    first, second = rank_position("same id", *a, "active"), rank_position("same id", *b, "active")
    return (first > second) - (first < second)


def expected(a: tuple[int, int], b: tuple[int, int]) -> int:
    """The same by exact fractions: more spend per week ranks before less."""
    first, second = Fraction(*a), Fraction(*b)
    return (first < second) - (first > second)


@given(spends, weeks, spends, weeks)
def test_customers_are_ordered_by_the_exact_spend_per_week(s1: int, w1: int, s2: int, w2: int) -> None:
    assert compare((s1, w1), (s2, w2)) == expected((s1, w1), (s2, w2))


@given(weeks, weeks, st.integers(0, 10**25))
@settings(max_examples=500)
def test_the_nearest_possible_fractions_are_told_apart(w1: int, w2: int, times: int) -> None:
    """s1/w1 - s2/w2 is 1/(w1 x w2), the smallest possible difference."""
    assume(gcd(w1, w2) == 1)
    s1 = (pow(w2, -1, w1) if w1 > 1 else 1) + times * w1
    s2, rest = divmod(s1 * w2 - 1, w1)
    assert rest == 0
    assert compare((s1, w1), (s2, w2)) == -1
    assert compare((s2, w2), (s1, w1)) == 1


@given(st.integers(0, 10**20), st.integers(1, 1000), st.integers(1, 521), st.integers(1, 521))
def test_equal_fractions_of_different_terms_tie(spend: int, over: int, m: int, n: int) -> None:
    assert compare((spend * m, over * m), (spend * n, over * n)) == 0


def test_values_that_are_equal_as_floats_are_told_apart() -> None:
    more, less = (10**17 + 1, 3), (10**17, 3)
    assert more[0] / more[1] == less[0] / less[1]
    assert compare(more, less) == -1


def test_values_that_round_to_the_same_cents_are_still_ordered_exactly() -> None:
    more, less = (1_000_001, 521_723), (1_000_000, 521_723)
    assert ltv_cents(*more) == ltv_cents(*less)
    assert compare(more, less) == -1


@given(spends, weeks, spends, weeks)
def test_on_the_timeframe_basis_spend_alone_decides(s1: int, w1: int, s2: int, w2: int) -> None:
    first, second = rank_position("x", s1, w1, "timeframe"), rank_position("x", s2, w2, "timeframe")
    assert (first < second, first == second) == (s1 > s2, s1 == s2)


@pytest.mark.parametrize("basis", ["active", "timeframe"])
def test_ties_go_by_customer_id(basis: Basis) -> None:
    shuffled = ["b", "😀", "10", "a", "é", "1", "A", "2"]
    in_order = sorted(shuffled, key=lambda id_: rank_position(id_, 500, 1, basis))
    assert in_order == ["1", "10", "2", "A", "a", "b", "é", "😀"]
