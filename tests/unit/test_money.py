"""Money is exact from an event's text to cents, and from cents to text."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.amounts import cents_of
from contract.money import divide_half_even, money, parse_money

LARGEST = 10**17
"""Cents of the largest amount, 10^15 dollars."""


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("0 USD", 0),
        ("0.0 USD", 0),
        ("0.01 USD", 1),
        ("0.1 USD", 10),
        ("7 USD", 700),
        ("12.3 USD", 1230),
        ("12.03 USD", 1203),
        ("12.34 USD", 1234),
        ("0012.34 USD", 1234),
        ("0.29 USD", 29),
        ("1.15 USD", 115),
        ("90071992547409.93 USD", 9_007_199_254_740_993),
        ("999999999999999.99 USD", LARGEST - 1),
        ("1000000000000000 USD", LARGEST),
        ("1000000000000000.00 USD", LARGEST),
    ],
)
def test_an_amount_is_read_to_the_cent(text: str, cents: int) -> None:
    assert cents_of(text) == cents


@given(
    st.decimals(0, 10**15, places=2) | st.decimals(0, 10**15, places=1) | st.integers(0, 10**15).map(Decimal)
)
def test_an_amount_with_any_number_of_decimals_is_its_hundredfold_in_cents(dollars: Decimal) -> None:
    assert cents_of(f"{dollars:f} USD") == dollars * 100


@pytest.mark.parametrize(
    ("cents", "text"),
    [
        (0, "0.00"),
        (1, "0.01"),
        (10, "0.10"),
        (99, "0.99"),
        (100, "1.00"),
        (1234, "12.34"),
        (10**30, "1" + "0" * 28 + ".00"),
    ],
)
def test_money_has_two_decimals(cents: int, text: str) -> None:
    assert money(cents) == text


@given(st.integers(0, 10**40))
def test_money_reads_back_as_the_same_cents(cents: int) -> None:
    assert parse_money(money(cents)) == cents
    assert Fraction(money(cents)) * 100 == cents


@given(st.integers(0, LARGEST))
def test_an_amount_is_shown_as_it_was_sent(cents: int) -> None:
    sent = f"{cents // 100}.{cents % 100:02d}"
    assert money(cents_of(f"{sent} USD")) == sent


@given(st.integers(0, 10**30), st.integers(1, 10**6))
def test_a_quotient_is_rounded_half_even(numerator: int, denominator: int) -> None:
    """Python's own rounding of a Fraction is half-even and exact."""
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.integers(0, 10**30), st.integers(1, 10**6))
def test_an_exact_half_goes_to_the_even_neighbour(whole: int, half: int) -> None:
    quotient = divide_half_even((2 * whole + 1) * half, 2 * half)
    assert quotient in {whole, whole + 1}
    assert quotient % 2 == 0
